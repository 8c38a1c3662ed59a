//! The proxy server that the environment asks EB for.

use anyhow::Result;
use flipless_settings::{FrontMode, Settings};

use super::advice::Advice;
use crate::instance::get_config;
use crate::instance::system::System;

/// How long `get-config` may take, in seconds.
const PATIENCE: &str = "10";

/// Refuses an environment whose proxy server is not nginx, if flipless serves through nginx.
///
/// A setting of the environment itself takes precedence over the one in the bundle's `.ebextensions`
/// (<https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/command-options.html#configuration-options-precedence>). So
/// `check` can't find this.
///
/// # Errors
/// If `get-config` names another proxy server. Without an answer the test of the configuration decides.
pub fn check(system: &System, settings: &Settings) -> Result<()> {
    if settings.front.mode != FrontMode::Nginx {
        return Ok(());
    }
    let Ok(output) = get_config::ask(system, PATIENCE, &["container", "-k", "proxy_server"]) else {
        return Ok(());
    };
    let answer = String::from_utf8_lossy(&output.stdout);
    let server = answer.trim().trim_matches('"');
    if !output.status.success() || ["", "nginx"].contains(&server) {
        return Ok(());
    }
    Err(Advice {
        reason: format!("the proxy server of the environment is `{server}`, and flipless needs nginx"),
        hint: "set `ProxyServer` of the environment to nginx (namespace aws:elasticbeanstalk:environment:proxy). A \\
               setting of the environment takes precedence over the bundle's"
            .into(),
    }
    .into())
}
