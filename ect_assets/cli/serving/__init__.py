"""The processes behind `ect ui`: Dagster's web application behind a guard, and its daemon.

`guard` decides which requests reach the application and knows nothing of Dagster or studies; `web`
and `daemon` are the two processes that `ect_assets.cli.server` starts and watches; `lifeline` ends
them when it is gone; `sockets` hides their code servers. What they serve is
`ect_assets.orchestration.definitions`.
"""
