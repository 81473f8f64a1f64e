"""nacre on MariaDB and RabbitMQ, with as many processes as cores."""

from clouds.nacre import Nacre


class NacreMulti(Nacre):
    name = "nacre-multi"
    title = "nacre (MariaDB, RabbitMQ)"
