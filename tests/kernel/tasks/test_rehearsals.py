"""The rehearsals pass for a sound workflow, and find what is wrong with unsound ones."""

import pytest

from nacre.kernel.db import Duplicate
from nacre.kernel.tasks import Run, Wait, Workflow
from nacre.kernel.testing.workflows import Rehearsal, rehearsals

from .town import BUILD, Context, Plan, Town, add_part, parts, remove_part


def play(rehearsal: Rehearsal, town: Town, **options) -> None:
    workflow = rehearsal.workflow
    rehearsal.play(town.runner([workflow]), begin=lambda: town.build("h", workflow), **options)
    whole = {step.name for step in workflow.steps}
    assert town.parts("h") == (whole if rehearsal.succeeds else set())


@pytest.mark.parametrize("rehearsal", rehearsals(BUILD), ids=str)
def test_building_a_house(rehearsal, town):
    play(rehearsal, town)
    refused = "error: This is refused, says the rehearsal."
    expected = {"done": "built", "failed": refused, "cancelled": "cancelled"}
    assert town.state("h") == expected[rehearsal.ends]


def failures(workflow: Workflow[Plan], make: "pytest.TempPathFactory", **options) -> set[str]:
    """Return the titles of the rehearsals in which a workflow fails."""
    failed = set()
    for rehearsal in rehearsals(workflow):
        town = Town(f"sqlite:///{make.mktemp('town')}/town.db")
        try:
            play(rehearsal, town, **options)
        except (AssertionError, Duplicate):
            failed.add(rehearsal.title)
        finally:
            town.close()
    return failed


def shed(undo: bool = True, repeatable: bool = True) -> Workflow[Plan]:
    flow = Workflow("shed", input=Plan)

    def burn(ctx: Context, run: Run[Plan]) -> None:
        remove_part(ctx, run.input.house_id, "planks")

    @flow.step(undo=burn if undo else None)
    def planks(ctx: Context, run: Run[Plan]) -> None:
        if repeatable:
            add_part(ctx, run.input.house_id, "planks")
        else:
            ctx.db.run(lambda tx: tx.insert(parts, {"house_id": run.input.house_id, "part": "planks"}))

    return flow


def test_sound(tmp_path_factory):
    assert failures(shed(), tmp_path_factory) == set()


def test_a_missing_undo_is_found(tmp_path_factory):
    found = failures(shed(undo=False), tmp_path_factory)
    assert "planks is refused after its work, every step and undo twice" in found
    assert "planks is cancelled after its work" in found
    assert "undisturbed" not in found


def test_a_step_that_cannot_run_twice_is_found(tmp_path_factory):
    found = failures(shed(repeatable=False), tmp_path_factory)
    assert {"every step runs twice", "planks is killed after its work"} <= found
    assert "undisturbed" not in found


def test_a_workflow_that_waits_for_ever_is_found(town):
    flow = Workflow("flow", input=Plan)

    @flow.step()
    def wait(ctx, run):
        return Wait(60, "Godot")

    with pytest.raises(AssertionError, match="Godot"):
        play(rehearsals(flow)[0], town)


def test_news_from_outside(town):
    flow = Workflow("flow", input=Plan)

    @flow.step()
    def order(ctx: Context, run: Run[Plan]) -> None:
        add_part(ctx, run.input.house_id, "order")

    @flow.step()
    def delivery(ctx: Context, run: Run[Plan]) -> Wait | None:
        return None if "delivery" in town.parts("h") else Wait(60, "the delivery")

    play(rehearsals(flow)[0], town, meanwhile=lambda: add_part(Context(town.db), "h", "delivery"))
