//! The relay's cost: the same server behind the relay, and without it.

use crate::context::{Context, built};
use crate::figure::{Budget, Figure};
use crate::load::Manner;
use crate::measurement::Measurement;
use crate::peer::Kind;
use crate::process::bound;
use crate::row::{Row, Samples, Trouble};
use crate::rows::requests::alternate;
use crate::server::{Server, free_port};

pub const MEASUREMENT: Measurement = Measurement {
    rows: &[Row {
        name: "relay",
        what: "requests/s on keep-alive connections through the relay, against a direct connection",
        unit: "/s",
        figure: Figure::Ratio,
        budget: Budget::None,
    }],
    samples,
};

fn samples(context: &Context) -> Result<Vec<Samples>, Trouble> {
    let relay = built("flipless-relay", "flipless-relay")?;
    let port = free_port()?;
    let mut command = bound(relay);
    command.arg(std::env::current_exe().map_err(anyhow::Error::from)?);
    command.args(["peer", Kind::Hyper.word(), "{port}", "2"]);
    command
        .env("PORT", port.to_string())
        .env("FLIPLESS_HEALTH_PATH", "/");
    let ours = Server::launch(&mut command, port)?;
    let peer = Server::start(Kind::Hyper, 2)?;
    alternate(&ours, &peer, Manner::KeepAlive)?;
    let pairs = context.each_run(|_| alternate(&ours, &peer, Manner::KeepAlive))?;
    Ok(vec![pairs.into()])
}
