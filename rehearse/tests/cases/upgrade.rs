//! What a deployment on stock EB renews by its restart of nginx: the program, its libraries and the addresses of
//! names.

use rehearse::load::Plan;
use rehearse::machine::wait_for;

use crate::rig::{PATIENCE, Rig, lost};
use crate::update::{Update, go_on, plan, running};

const NGINX: &str = "/usr/sbin/nginx";
const MASTER: &str = "systemctl show --value -p MainPID flipless-front.service";
const LOG: &str = "/var/log/nginx/access.log";
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
    // nginx itself opens the second port.
    let loads = [public, plan(443)].map(|plan| running(rig, plan));
    let before = nginx(rig);
    rig.deploy();
    assert_eq!(nginx(rig), before, "nothing has changed");
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
}

/// An nginx that knows the directive answers that it is not allowed in this place.
pub fn keeps_idle_connections(rig: &Rig) -> bool {
    let said = rig.say("/usr/sbin/nginx -t -g 'keepalive_min_timeout 1;' 2>&1");
    said.contains("not allowed here")
}

fn nginx(rig: &Rig) -> Nginx {
    let master = rig.say(MASTER);
    // Not those that a reload has replaced: they still finish requests, and end at any time.
    let workers = rig.say(&format!(
        "for pid in $(cat /proc/{master}/task/{master}/children); do \
         grep -q 'shutting down' /proc/$pid/cmdline 2>/dev/null || echo $pid; done"
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

/// Replaces a file as a package manager does, and deploys twice.
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
    let again = wait_for(PATIENCE, || {
        let is_active = rig.say("systemctl is-active flipless-front.service") == "active";
        (is_active && rig.say(MASTER) != before).then_some(())
    });
    assert!(again.is_some(), "another master");
}

/// Sends the signal with which a rotation of logs has nginx open them again.
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
    rig.must(&format!("rm {LOG}"));
    rig.deploy();
    rig.must(&format!("test -f {LOG}"));
    let before = nginx(rig);
    rig.deploy();
    assert_eq!(nginx(rig), before, "only once");
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
