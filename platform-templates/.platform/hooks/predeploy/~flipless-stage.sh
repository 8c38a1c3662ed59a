#!/bin/sh
# EB runs this before the flip, in /var/app/staging. It starts the new release beside the old one; the new one
# accepts nothing before the flip. If this fails, EB aborts the deployment before it has stopped anything. EB
# sorts hooks by the bytes of their names: "~" sorts after every other ASCII character, so that your own hooks
# have ended. (Under confighooks/ the same script serves configuration deployments, which flip, too.)
exec bin/{{ layout.agent_bin }} stage
