#!/bin/sh
# Run once in the image's root: what EB's platform has that a distribution lacks.
set -e
systemd-sysusers
install -d -m 0755 -o webapp -g webapp /home/webapp /var/app /var/pids
install -d -m 0755 /opt/elasticbeanstalk/bin /opt/elasticbeanstalk/deployment /opt/elasticbeanstalk/config \
    /opt/elasticbeanstalk/tasks/taillogs.d /opt/elasticbeanstalk/tasks/bundlelogs.d \
    /opt/elasticbeanstalk/tasks/publishlogs.d /var/proxy/staging
# nginx's workers open the health log: its name has the hour in it.
install -d -m 0755 -o nginx -g nginx /var/log/nginx /var/log/nginx/healthd
# EB disables nginx and starts it itself; a distribution's site would sit on port 80.
systemctl disable nginx.service
rm -f /etc/nginx/sites-enabled/default
systemctl enable aws-eb.target cfn-hup.service healthd.service
# What only costs time at boot in a container.
for unit in systemd-logind.service console-getty.service getty@.service getty.target \
    systemd-networkd-wait-online.service systemd-firstboot.service apt-daily.timer \
    apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer; do
    ln -sf /dev/null "/etc/systemd/system/$unit"
done
