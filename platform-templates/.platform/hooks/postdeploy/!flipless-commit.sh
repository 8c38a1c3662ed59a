#!/bin/sh
# EB runs this hook after the flip, in /var/app/current. The new release already serves. `commit` removes old
# releases and checks that nginx has the new configuration. "!" sorts before every other printable ASCII
# character, so this hook runs before your own hooks. (EB runs the copy of this script in confighooks/ in
# configuration deployments, which also have a flip.)
exec bin/{{ layout.agent_bin }} commit
