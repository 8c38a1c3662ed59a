#!/bin/sh
# Runs once in the image's root. Adds the parts of EB's platform that a distribution lacks.
set -e
systemd-sysusers
install -d -m 0755 -o webapp -g webapp /home/webapp /var/app /var/pids
install -d -m 0755 /opt/elasticbeanstalk/bin /opt/elasticbeanstalk/deployment /opt/elasticbeanstalk/config \
    /opt/elasticbeanstalk/tasks/taillogs.d /opt/elasticbeanstalk/tasks/bundlelogs.d \
    /opt/elasticbeanstalk/tasks/publishlogs.d /var/proxy/staging
# nginx's workers open the health log themselves, because the log's name contains the hour.
install -d -m 0755 -o nginx -g nginx /var/log/nginx /var/log/nginx/healthd
# nginx has no System V script on Amazon Linux. With such a script, `systemctl disable` makes systemd read its units two
# more times.
rm -f /etc/init.d/nginx
# EB disables nginx.service, and starts it in a deployment. The distribution's own site would listen on port 80.
systemctl disable nginx.service
rm -f /etc/nginx/sites-enabled/default
systemctl enable aws-eb.target cfn-hup.service healthd.service
# These units only cost time at boot in a container.
for unit in systemd-logind.service console-getty.service getty@.service getty.target \
    systemd-networkd-wait-online.service systemd-firstboot.service apt-daily.timer \
    apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer; do
    ln -sf /dev/null "/etc/systemd/system/$unit"
done
# systemd runs its generators whenever it reads its units. The generators have nothing to do in a container.
mkdir -p /etc/systemd/system-generators
for generator in /usr/lib/systemd/system-generators/*; do
    [ -e "$generator" ] || continue
    ln -sf /dev/null "/etc/systemd/system-generators/${generator##*/}"
done
# sudo looks up the name of the instance.
echo rehearsal >/etc/hostname
echo 127.0.0.1 localhost rehearsal >/etc/hosts
/opt/elasticbeanstalk/model/setup-placeholders.sh
# For the certificate authority of a rehearsal of HTTPS: a root, and a certificate for the authority's name.
[ -e /usr/bin/openssl ] || exit 0
cd /etc/authority
install -d -m 0755 faults
key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
# Python 3.13 and newer require the extension keyUsage (RFC 5280, 4.2.1.3).
openssl req -x509 $key -days 3650 -subj "/CN=Root of rehearsals" -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout root.key -out root.pem 2>/dev/null
openssl req $key -subj "/CN=authority.test" -addext "subjectAltName=DNS:authority.test" -keyout tls.key 2>/dev/null |
    openssl x509 -req -CA root.pem -CAkey root.key -copy_extensions copy -days 3650 -out tls.pem 2>/dev/null
