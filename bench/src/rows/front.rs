//! nginx as flipless's front, against stock nginx with the same configuration. Both run on the same instance, in front
//! of the same server. Only the front inherits its socket, has a sandbox, and repeats a failed request.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::ensure;
use flipless_settings::layout;
use flipless_settings::stock::NGINX_FILES;

use crate::context::Context;
use crate::figure::{Budget, Figure, Pair};
use crate::instance::{FOLDER, File, Instance};
use crate::load::{Answers, Connection, Manner, answers};
use crate::measurement::Measurement;
use crate::process::wait_for;
use crate::row::{Row, Samples, Trouble};

pub const MEASUREMENT: Measurement = Measurement {
    rows: &[
        Row {
            name: "front-requests",
            what: "requests/s on keep-alive connections through the front, against stock nginx",
            unit: "/s",
            figure: Figure::Ratio,
            budget: SHARE,
        },
        Row {
            name: "front-requests-p99",
            what: "p99 of the waits on keep-alive connections: stock nginx divided by the front",
            unit: "ms",
            figure: Figure::Speedup,
            budget: SHARE,
        },
        Row {
            name: "front-connections",
            what: "requests/s with a new connection for each through the front, against stock nginx",
            unit: "/s",
            figure: Figure::Ratio,
            budget: SHARE,
        },
        Row {
            name: "front-connections-p99",
            what: "p99 of the waits with a new connection for each: stock nginx divided by the front",
            unit: "ms",
            figure: Figure::Speedup,
            budget: SHARE,
        },
        Row {
            name: "front-processor",
            what: "processor time of nginx for a request on a keep-alive connection, front against stock nginx",
            unit: "us",
            figure: Figure::Ratio,
            budget: Budget::None,
        },
        Row {
            name: "front-connections-processor",
            what: "processor time of nginx for a request with a new connection, front against stock nginx",
            unit: "us",
            figure: Figure::Ratio,
            budget: Budget::None,
        },
    ],
    samples,
};

const SHARE: Budget = Budget::AtLeast(0.98);
const CLIENTS: usize = 16;
/// How long the bench measures one side before it changes to the other side. There are many short turns, because the
/// rates of two turns can differ by a third: the kernel distributes connections and processes differently in each turn.
const TURN: Duration = Duration::from_millis(50);
/// How many turns each side has in one run.
const TURNS: u32 = 80;
const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nHost: bench\r\n\r\n";
const FRONT: u16 = 80;
const STOCK: u16 = 8081;

/// nginx closes a connection after 1,000 requests by default, and the bench's clients don't expect that.
const FILES: &[File] = &[(
    ".platform/nginx/conf.d/bench.conf",
    "keepalive_requests 1000000000;\n",
    0o644,
)];

/// The unit of stock nginx. It has the front's priority and limit of open files, so that the rows compare only the work
/// for a request.
const UNIT: &str = "[Service]\nExecStart=/usr/sbin/nginx -c /run/bench/nginx/nginx.conf -g 'daemon off;'\n\
                    Nice=-5\nLimitNOFILE=65536\n";

fn samples(context: &Context) -> Result<Vec<Samples>, Trouble> {
    let mut instance = Instance::boot(context, FILES)?;
    instance.deploy()?;
    start_stock(&instance)?;
    let (mut rows, mut times) = (Vec::new(), Vec::new());
    for manner in [Manner::KeepAlive, Manner::NewConnections] {
        // Both sides warm up.
        alternate(&instance, manner)?;
        let runs = context.each_run(|_| alternate(&instance, manner))?;
        let row = |of: fn(&Measured) -> Pair| runs.iter().map(of).collect::<Vec<_>>().into();
        rows.extend([row(|run| run.rates), row(|run| run.waits)]);
        times.push(row(|run| run.times));
    }
    rows.extend(times);
    Ok(rows)
}

/// Starts stock nginx with the front's configuration, but without the files and changes of flipless.
fn start_stock(instance: &Instance) -> anyhow::Result<()> {
    let through = instance.read("/etc/nginx/conf.d/elasticbeanstalk/00_application.conf")?;
    ensure!(
        through.contains("proxy_next_upstream"),
        "the front does not repeat a failed request: {through}"
    );
    instance.run(&format!(
        "cp -a /etc/nginx {FOLDER}/ && rm -f {FOLDER}/nginx/conf.d/zz-flipless-*"
    ))?;
    for (path, text) in NGINX_FILES {
        instance.write(&format!("{FOLDER}/nginx/{path}"), &beside(text))?;
    }
    instance.write("/run/systemd/system/bench-nginx.service", UNIT)?;
    instance.run("systemctl start bench-nginx")?;
    instance.inside(|| {
        wait_for("answer of stock nginx", || {
            let opened = Connection::open(address(STOCK));
            Ok(opened.and_then(|mut open| open.send(REQUEST)).ok())
        })
    })
}

/// Returns a file of EB's configuration with another port and another pid file, so that stock nginx can run beside the
/// front.
fn beside(text: &str) -> String {
    text.replace("listen 80 ", &format!("listen {STOCK} "))
        .replace("/var/run/nginx.pid", "/run/bench/nginx.pid")
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The results of one run.
struct Measured {
    /// Requests per second.
    rates: Pair,
    /// The p99 of the waits, in milliseconds.
    waits: Pair,
    /// Processor time of nginx for each request, in microseconds.
    times: Pair,
}

/// Measures both sides alternately.
fn alternate(instance: &Instance, manner: Manner) -> anyhow::Result<Measured> {
    let (mut ours, mut peer) = (Answers::default(), Answers::default());
    let turn = |port| answers(address(port), REQUEST, CLIENTS, manner, TURN);
    let before = processor_times(instance)?;
    instance.inside(|| {
        for _ in 0..TURNS / 2 {
            ours.add(turn(FRONT)?);
            peer.add(turn(STOCK)?);
            // The second half has the other order, in case the first side has an advantage.
            peer.add(turn(STOCK)?);
            ours.add(turn(FRONT)?);
        }
        Ok(())
    })?;
    let after = processor_times(instance)?;
    Ok(Measured {
        rates: Pair {
            ours: ours.rate(),
            peer: peer.rate(),
        },
        times: Pair {
            ours: (after.ours - before.ours) / ours.waits.len() as f64,
            peer: (after.peer - before.peer) / peer.waits.len() as f64,
        },
        waits: Pair {
            ours: ours.percentile(0.99),
            peer: peer.percentile(0.99),
        },
    })
}

/// Returns the processor time in microseconds that each nginx has used since its start.
fn processor_times(instance: &Instance) -> anyhow::Result<Pair> {
    let of = |unit: &str| -> anyhow::Result<f64> {
        let shown = instance.run(&format!("systemctl show -P CPUUsageNSec {unit}"))?;
        // Without control groups of version 2, systemd reports no number.
        Ok(shown.parse().unwrap_or(f64::NAN) / 1000.0)
    };
    Ok(Pair {
        ours: of(layout::FRONT)?,
        peer: of("bench-nginx.service")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_nginx_has_a_port_and_a_pid_file_of_its_own() {
        let texts: String = NGINX_FILES.iter().map(|(_, text)| beside(text)).collect();
        assert_eq!(texts.matches("listen 8081 default_server;").count(), 1);
        assert_eq!(texts.matches("pid /run/bench/nginx.pid;").count(), 1);
        assert!(!texts.contains("listen 80 ") && !texts.contains("/var/run"));
        assert!(texts.contains("http://127.0.0.1:5000;"));
    }
}
