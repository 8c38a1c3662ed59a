#!/bin/sh
# EB runs this after the flip, in /var/app/current. The staged run becomes the current one, and the old
# run drains. (Under confighooks/ the same script serves configuration deployments, which flip, too.)
exec bin/{{ layout.agent_bin }} commit
