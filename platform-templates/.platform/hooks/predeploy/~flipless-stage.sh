#!/bin/sh
# EB runs this hook before the flip, in /var/app/staging. `stage` starts the new release beside the old one, and
# holds it until the flip. If this hook fails, EB aborts the deployment before it has stopped anything. EB sorts
# hooks by the bytes of their names. "~" sorts after every other printable ASCII character, so this hook runs
# after your own hooks. (EB runs the copy of this script in confighooks/ in configuration deployments, which also
# have a flip.)
exec bin/{{ layout.agent_bin }} stage
