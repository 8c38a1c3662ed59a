#!/bin/sh
# EB runs this hook after your own postdeploy hooks: "~" sorts after every other printable ASCII character. If nginx's
# new configuration lacks a listener that nginx has, the flip does not load the configuration, because one of your hooks
# may add the listener again, as certbot does. `front-settle` loads the configuration now, and nginx closes each
# listener that is still missing.
# (EB runs the copy of this script in confighooks/ in configuration deployments, which also have a flip.)
exec bin/{{ layout.agent_bin }} front-settle
