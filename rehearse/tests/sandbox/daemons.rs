//! The surroundings of a server on its instance: local daemons, certificates, and the metadata service.

use crate::probe::programs;
use crate::rig::Rig;

/// The daemons: name, socket, and a line of shell. systemd runs this line for each connection or message.
const SOCKETS: [(&str, &str, &str); 3] = [
    ("daemon", "ListenStream=/run/daemon/socket", "echo answers"),
    (
        "xray-udp",
        "ListenDatagram=127.0.0.1:2000",
        "head -n 1 >> /run/daemon/traces",
    ),
    (
        "metadata",
        "ListenStream=169.254.169.254:8080",
        "echo i-0123",
    ),
];

/// Makes a file of certificates at Amazon Linux's path, sets a time zone that is not the default, and adds the address
/// of the metadata service.
const FILES: &str = "mkdir -p /etc/pki/tls/certs /run/daemon && \
     openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost \
     -addext subjectAltName=DNS:localhost -keyout /root/key.pem -out /etc/pki/tls/certs/ca-bundle.crt 2>&1 && \
     ln -sf /usr/share/zoneinfo/Asia/Tokyo /etc/localtime && \
     ip address add 169.254.169.254/32 dev lo";

/// Starts all daemons.
pub fn start(rig: &Rig) {
    rig.must(FILES);
    for (name, listen, answer) in SOCKETS {
        let accept = if listen.starts_with("ListenStream") {
            "yes"
        } else {
            "no"
        };
        let instance = if accept == "yes" { "@" } else { "" };
        let socket = format!("[Socket]\n{listen}\nAccept={accept}\n");
        let service = format!(
            "[Service]\nStandardInput=socket\nStandardOutput={}\nExecStart=/bin/sh -c '{answer}'\n",
            if accept == "yes" { "socket" } else { "journal" }
        );
        let folder = "/run/systemd/system";
        rig.must(&format!(
            "printf %s '{socket}' > {folder}/{name}.socket; \
             cat > {folder}/{name}{instance}.service <<'END'\n{service}END\n\
             systemctl daemon-reload && systemctl start {name}.socket"
        ));
    }
    let program = "/usr/local/bin/postgres";
    let root = rehearse::machine::Instance::root(rig.engine.instance());
    std::fs::copy(programs().join("postgres"), root.join(&program[1..])).unwrap();
    rig.must(&format!(
        "systemd-run --quiet --unit postgres {program} serve /etc/pki/tls/certs/ca-bundle.crt /root/key.pem"
    ));
}
