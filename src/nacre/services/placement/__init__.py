"""Placement: who provides which resources, who has claimed them, and who could still serve a request.

A *resource provider* (a compute host, say) has an *inventory* of resource classes (VCPU, MEMORY_MB …),
*traits* that say what it is like, and *aggregates* that say where it belongs.  A *consumer* (a
server) holds *allocations*.  *Allocation candidates* answer the scheduler's question: on which
providers would these resources with those traits fit?
"""
