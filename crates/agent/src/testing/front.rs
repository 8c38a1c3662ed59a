//! An instance whose front has processes and listeners.

use crate::instance::system::Signal;
use crate::proxy::sync::{self, Synced};
use crate::proxy::unit::master;
use crate::testing::{Instance, processes};

/// Writes nginx's configuration: one server with these `listen` directives.
pub fn configure(instance: &Instance, listens: &str) {
    let text = format!("http {{ server {{ {listens} }} }}");
    let path = "/etc/nginx/nginx.conf";
    instance.system.write(path, text.as_bytes(), 0o644).unwrap();
}

/// Returns an instance whose front has these `listen` directives.
pub fn listening(listens: &str) -> Instance {
    let instance = Instance::new();
    instance.model.borrow_mut().has_processes = true;
    processes::open(
        &instance.system.locate("/"),
        processes::SYSTEMD,
        processes::any(80),
    );
    configure(&instance, listens);
    assert_eq!(sync::sync(&instance.system).unwrap(), Synced::Started);
    instance
}

/// Returns the ports of nginx. Asserts that systemd holds the same ports.
pub fn exact(instance: &Instance, when: &str) -> Vec<u16> {
    let root = instance.system.locate("/");
    let of_nginx = processes::ports(&root, master(&instance.system).unwrap());
    let of_systemd = processes::ports(&root, processes::SYSTEMD);
    assert_eq!(of_systemd, of_nginx, "{when}");
    of_nginx
}

/// Reloads nginx without the agent, as `nginx -s reload` does.
pub fn hang_up(instance: &Instance) {
    let root = instance.system.locate("/");
    let master = master(&instance.system).unwrap();
    assert!(processes::load(&root, master, &processes::wanted(&root)));
}

pub fn kill(instance: &Instance) {
    let master = master(&instance.system).unwrap();
    let signal = Signal::Kill;
    instance.system.signal(master, signal).unwrap();
}
