#!/bin/sh
# A configuration deployment runs this tree instead of hooks/, and flips all the same.
# Before the flip, in /var/app/staging: start the new release beside the old one. A failure here
# aborts the deployment while nothing has been stopped. 90: after the application's own hooks.
exec bin/flipless stage
