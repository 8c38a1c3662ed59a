#!/bin/sh
# Runs once in the image's root. Makes a placeholder for each of these programs that the root lacks.
set -e
placeholder=/opt/elasticbeanstalk/model/placeholder
# Every user may add a line, because hooks also run programs as other users.
install -m 0666 /dev/null /opt/elasticbeanstalk/model/not-run
for program in \
    /opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl \
    /opt/aws/bin/cfn-get-metadata /opt/aws/bin/cfn-init /opt/aws/bin/cfn-signal \
    /opt/elasticbeanstalk/bin/download-source-bundle /opt/elasticbeanstalk/bin/healthd-track-pidfile \
    /opt/elasticbeanstalk/bin/pkg-repo \
    /usr/bin/amazon-cloudwatch-agent-ctl /usr/bin/aws \
    /usr/bin/dnf /usr/bin/ec2-metadata /usr/bin/pip /usr/bin/pip3 /usr/bin/python3 /usr/bin/rpm \
    /usr/bin/yum /usr/bin/yum-config-manager /usr/sbin/logrotate; do
    [ ! -e "$program" ] || continue
    case $program in /usr/*) ! command -v "${program##*/}" >/dev/null || continue ;; esac
    "$placeholder" --program "$program"
done
# The placeholder of curl answers instead of EC2's metadata service. The placeholder of python3 handles `venv` and
# `pip`. Both leave everything else to the real program, if it exists.
for program in curl python3; do
    [ ! -e "/usr/bin/$program" ] || grep -q "$placeholder" "/usr/bin/$program" ||
        "$placeholder" --program "/usr/local/bin/$program"
done
for unit in amazon-cloudwatch-agent amazon-ssm-agent atd chronyd rsyslog sshd; do
    "$placeholder" --unit "$unit"
done
