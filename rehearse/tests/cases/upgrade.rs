//! On stock EB each deployment restarts nginx, and so renews the program, its libraries and the addresses of host
//! names. flipless must do the same.

use rehearse::load::Plan;
use rehearse::machine::wait_for;
use rehearse::record::Outcome;

use crate::rig::{PATIENCE, Rig, lost};
use crate::update::{Update, go_on, plan, running};

const NGINX: &str = "/usr/sbin/nginx";
const MASTER: &str = "systemctl show --value -p MainPID flipless-front.service";
const LOG: &str = "/var/log/nginx/access.log";
/// The file adds a log in nginx's own /tmp (`PrivateTmp=`).
const PRIVATE_LOG: &str = "/etc/nginx/conf.d/elasticbeanstalk/private-log.conf";
const NAME: &str = "/etc/nginx/conf.d/elasticbeanstalk/name.conf";

/// nginx's processes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Nginx {
    master: String,
    workers: String,
}

pub fn nginx_is_loaded_again_if_something_of_it_has_changed(rig: &mut Rig, _: &Update) {
    let public = Plan {
        keep_alive: if keeps_idle_connections(rig) { 4 } else { 0 },
        slow: 2,
        ..plan(80)
    };
    // nginx itself opens port 443.
    let loads = [public, plan(443)].map(|plan| running(rig, plan));
    let before = nginx(rig);
    rig.deploy();
    assert_eq!(nginx(rig), before, "nothing has changed");
    systemd_remembers_when_eb_stopped_the_stand_in(rig);
    for file in [NGINX, &library(rig, &before)] {
        update(rig, file);
        loads.iter().for_each(go_on);
    }
    a_program_that_cannot_start_changes_nothing(rig);
    crash(rig);
    loads.iter().for_each(go_on);
    signals_leave_the_stand_in_and_reach_nginx(rig);
    a_removed_log_comes_back(rig);
    names_are_looked_up_again(rig);
    loads.iter().for_each(go_on);
    for load in loads {
        let records = load.stop().unwrap();
        assert!(lost(&records).is_empty(), "{:?}", lost(&records));
    }
    nginx_dies_with_all_its_workers(rig);
}

/// Stops nginx.service, disables it, and makes systemd read its units, as EB does in the flip. systemd forgets a
/// stopped unit to which no other unit refers, and with the unit the time of its stop. The agent needs this time
/// (`proxy/flip.rs`).
fn systemd_remembers_when_eb_stopped_the_stand_in(rig: &Rig) {
    rig.must("systemctl stop nginx.service && systemctl disable nginx.service && systemctl daemon-reload");
    let stopped = "systemctl show --value -p InactiveEnterTimestampMonotonic nginx.service";
    assert_ne!(rig.say(stopped), "0");
    rig.must("systemctl start nginx.service");
}

/// Only the requests in flight fail: systemd holds every listener, so each further client waits for the next nginx.
fn nginx_dies_with_all_its_workers(rig: &mut Rig) {
    let six = Plan {
        address: (std::net::Ipv6Addr::LOCALHOST, 443).into(),
        ..plan(443)
    };
    let loads = [plan(80), plan(443), plan(8443), six].map(|plan| running(rig, plan));
    for _ in 0..5 {
        let before = rig.say(MASTER);
        rig.must("systemctl kill --signal=KILL flipless-front.service");
        wait_for_another_master(rig, &before);
        loads.iter().for_each(go_on);
        assert_eq!(rig.get(443, "/unix/health").unwrap().status, 200);
    }
    // 443, [::]:443, the Unix socket, and the sockets of 8443, one for each worker.
    assert_eq!(held(rig), (3 + workers(rig)).to_string());
    // In a container systemd itself warns of the limits of control groups.
    let noise = rig.say(
        "journalctl --output cat -u flipless-listeners.service | grep -v 'control group' | sort -u",
    );
    assert_eq!(
        noise, "",
        "a timer starts the unit every 20 s, so the unit must log nothing"
    );
    for load in loads {
        let records = load.stop().unwrap();
        let lost = lost(&records);
        let in_flight = |outcome| [Outcome::Reset, Outcome::Closed].contains(&outcome);
        println!("{} of {} in flight at 5 kills", lost.len(), records.len());
        assert!(
            lost.iter().all(|record| in_flight(record.outcome)),
            "{lost:?}"
        );
        assert!(lost.len() <= 10, "{lost:?}");
    }
}

/// Returns the number of workers.
fn workers(rig: &Rig) -> usize {
    nginx(rig).workers.lines().count()
}

/// Returns the number of listeners in systemd's store.
pub fn held(rig: &Rig) -> String {
    rig.say("systemctl show --value -p NFileDescriptorStore flipless-front.service")
}

/// Returns whether nginx leaves idle connections open in a reload. Such an nginx has the directive
/// `keepalive_min_timeout`, and reports that the directive is not allowed in this context. An older nginx reports an
/// unknown directive.
pub fn keeps_idle_connections(rig: &Rig) -> bool {
    let said = rig.say("/usr/sbin/nginx -t -g 'keepalive_min_timeout 1;' 2>&1");
    said.contains("not allowed here")
}

fn nginx(rig: &Rig) -> Nginx {
    let master = rig.say(MASTER);
    // Omits processes that may end at any time: workers that a reload has replaced finish their requests, and nginx's
    // cache loader ends a minute after its start (ngx_http_file_cache.c). The case `places` has a cache, and its files
    // remain in /etc/nginx.
    let workers = rig.say(&format!(
        "for pid in $(cat /proc/{master}/task/{master}/children); do \
         title=$(tr '\\0' ' ' 2>/dev/null </proc/$pid/cmdline); \
         case $title in *'shutting down'*) ;; *'worker process'*) echo $pid;; esac; done"
    ));
    Nginx { master, workers }
}

/// Returns a library that nginx has loaded.
fn library(rig: &Rig, nginx: &Nginx) -> String {
    let library = rig.say(&format!(
        "awk '/r-xp.*libcrypto/ {{ print $6; exit }}' /proc/{}/maps",
        nginx.master
    ));
    assert!(library.starts_with('/'), "{library:?}");
    library
}

/// Replaces a file as a package manager does, and deploys twice. Asserts that only the first deployment replaces nginx.
fn update(rig: &mut Rig, file: &str) {
    let before = nginx(rig);
    rig.must(&format!("cp -p {file} {file}.new && mv {file}.new {file}"));
    rig.deploy();
    let after = nginx(rig);
    assert_ne!(after.master, before.master, "{file}");
    let maps = format!("/proc/{}/maps", after.master);
    let old = rig.say(&format!("grep 'x.*(deleted)' {maps}"));
    assert_eq!(old, "", "{file}");
    let inode = |path: &str| rig.say(&format!("stat -L -c %i {path}"));
    let program = format!("/proc/{}/exe", after.master);
    assert_eq!(inode(&program), inode(NGINX));
    rig.deploy();
    assert_eq!(nginx(rig), after, "{file}: only once");
}

fn a_program_that_cannot_start_changes_nothing(rig: &mut Rig) {
    let before = nginx(rig);
    rig.must(&format!(
        "cp -p {NGINX} {NGINX}.good && cp /bin/false {NGINX}.new && mv {NGINX}.new {NGINX}"
    ));
    let bundle = rig.version(&[]);
    rig.engine.deploy(&bundle).outcome.unwrap_err();
    assert_eq!(nginx(rig), before);
    rig.must(&format!("mv {NGINX}.good {NGINX}"));
}

/// Kills the master, and waits for the next one.
fn crash(rig: &Rig) {
    let before = rig.say(MASTER);
    rig.must(&format!("kill -KILL {before}"));
    wait_for_another_master(rig, &before);
}

fn wait_for_another_master(rig: &Rig, before: &str) {
    let again = wait_for(PATIENCE, || {
        let is_active = rig.say("systemctl is-active flipless-front.service") == "active";
        (is_active && rig.say(MASTER) != before).then_some(())
    });
    assert!(again.is_some(), "another master");
}

/// Sends signals to the stand-ins, and asserts that they continue to run. Then moves nginx's log, and sends USR1 to
/// nginx, as a rotation of logs does. Asserts that nginx opens its log again.
fn signals_leave_the_stand_in_and_reach_nginx(rig: &Rig) {
    let stand_in = "systemctl show --value -p MainPID nginx.service web.service";
    let before = rig.say(stand_in);
    for signal in ["USR1", "USR2", "HUP", "WINCH"] {
        rig.must(&format!(
            "systemctl kill --signal={signal} nginx.service web.service"
        ));
    }
    rig.must("kill -USR1 $(cat /var/pids/nginx.pid)");
    rig.must(&format!(
        "mv {LOG} {LOG}.1 && kill -USR1 $(cat /run/nginx.pid)"
    ));
    let again = wait_for(PATIENCE, || {
        (rig.say(&format!("test -s {LOG} && echo again")) == "again").then_some(())
    });
    assert!(again.is_some(), "nginx has opened its log again");
    assert_eq!(rig.say(stand_in), before);
}

fn a_removed_log_comes_back(rig: &mut Rig) {
    let logs = format!("access_log {LOG}; access_log /tmp/private.log;");
    rig.must(&format!("rm {LOG}; echo '{logs}' > {PRIVATE_LOG}"));
    rig.deploy();
    rig.must(&format!("test -f {LOG}"));
    let before = nginx(rig);
    rig.deploy();
    assert_eq!(nginx(rig), before, "only once");
    rig.must(&format!("rm {PRIVATE_LOG}"));
    rig.deploy();
}

/// The second deployment has the same configuration as the first one. nginx itself answers at both addresses.
fn names_are_looked_up_again(rig: &mut Rig) {
    let text = "location = /address { return 200 $server_addr; }\n\
                location = /name { proxy_pass http://name.internal/address; }\n";
    let file = NAME.replace("/etc/", ".platform/");
    for address in ["127.0.0.201", "127.0.0.202"] {
        rig.must(&format!(
            "touch /etc/hosts; sed -i '/name.internal/d' /etc/hosts; echo {address} name.internal >> /etc/hosts"
        ));
        let bundle = rig.version(&[(&file, text, 0o644)]);
        rig.engine.deploy(&bundle).outcome.unwrap();
        assert_eq!(rig.body("/name"), address);
    }
    rig.must(&format!("rm {NAME}"));
    rig.deploy();
}
