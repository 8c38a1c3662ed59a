#!/bin/sh
# After the flip, in /var/app/current: the new release becomes the current one, the old one drains.
exec bin/flipless commit
