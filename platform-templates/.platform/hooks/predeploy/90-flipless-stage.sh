#!/bin/sh
# EB runs this before the flip, in /var/app/staging. It starts the new release beside the old one. If it
# fails, EB aborts the deployment before it has stopped anything. "90" sorts it after the application's
# own hooks. (Under confighooks/ the same script serves configuration deployments, which flip, too.)
exec bin/{{ layout.agent_bin }} stage
