#!/bin/sh
# A configuration deployment runs this tree instead of hooks/, and flips all the same.
# After the flip, in /var/app/current: the new release becomes the current one, the old one drains.
exec bin/flipless commit
