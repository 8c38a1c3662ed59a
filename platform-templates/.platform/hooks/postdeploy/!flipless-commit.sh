#!/bin/sh
# EB runs this after the flip, in /var/app/current. The new release serves already; this removes old releases
# and sees to nginx. "!" sorts before every other printable ASCII character, so that your own hooks find the
# deployment finished. (Under confighooks/ the same script serves configuration deployments, which flip, too.)
exec bin/{{ layout.agent_bin }} commit
