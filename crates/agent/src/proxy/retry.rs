//! A request that the server's death cut short is sent once more, where HTTP allows it: EB's
//! `proxy_pass` is led through an upstream that has a second server to ask (see its template).

use std::path::{Path, PathBuf};

use anyhow::Result;
use flipless_settings::nginx::{UPSTREAM, upstream_for};

use crate::instance::paths::{NGINX, PROXY_STAGING};
use crate::instance::system::System;
use crate::proxy::nginx;

/// EB's way to the server.
const APPLICATION: &str = "conf.d/elasticbeanstalk/00_application.conf";

/// What EB passes requests to.
fn direct(port: u16) -> String {
    format!("http://127.0.0.1:{port};")
}

/// What we put in its place. Errors only: a slow request that was sent again after a timeout would run
/// twice. nginx itself never sends a POST, PATCH or LOCK again that it has sent (`non_idempotent`).
///
/// EB's healthd log then has two upstream times (`0.001, 0.002`): EB's health takes the request's own time
/// and status from a line, and leaves that field alone (plugin.rb of its gem healthd-appstat 1.0.1).
const THROUGH_UPSTREAM: &str = "http://flipless_app; proxy_next_upstream error;";

/// Leads EB's staged configuration through the bundle's upstream. One that is not EB's own stays as it
/// is, and so does every one if the bundle has no upstream. Says whether it does.
pub fn stage(system: &System, bundle: &Path, port: u16) -> Result<bool> {
    restore(system, PROXY_STAGING, port)?;
    let upstream = system.read_in(bundle, format!("nginx/{UPSTREAM}"))?;
    let Some(upstream) = upstream.and_then(|content| String::from_utf8(content).ok()) else {
        return Ok(false);
    };
    let application = format!("{PROXY_STAGING}/{APPLICATION}");
    let decided = user_decides(system)?;
    let direct = direct(port);
    let own = read(system, &application)?.filter(|text| is_ebs_own(text, &direct));
    let Some(own) = own.filter(|_| !decided) else {
        eprintln!(
            "flipless: the way to the server is not EB's own, and stays: what a server that dies \
             has begun is lost"
        );
        return Ok(false);
    };
    let upstream = upstream_for(&upstream, nginx::version(system)?);
    let path = format!("{PROXY_STAGING}/conf.d/{UPSTREAM}");
    system.write(path, upstream.as_bytes(), 0o644)?;
    system.write(
        application,
        through_upstream(&own, &direct).as_bytes(),
        0o644,
    )?;
    Ok(true)
}

/// Only in the directive that was checked: the same address may be elsewhere, in a `set`.
fn through_upstream(own: &str, direct: &str) -> String {
    let lines = own.split_inclusive('\n');
    lines
        .map(|line| match is_ebs_pass(line.trim(), direct) {
            true => line.replace(direct, THROUGH_UPSTREAM),
            false => line.to_owned(),
        })
        .collect()
}

/// EB copies over /etc/nginx and deletes nothing there: an upstream that nothing is led through any more
/// goes here.
pub fn tidy(system: &System, configuration: &str) -> Result<()> {
    let application = read(system, format!("{configuration}/{APPLICATION}"))?;
    match application.is_some_and(|text| text.contains(THROUGH_UPSTREAM)) {
        true => Ok(()),
        false => system.remove(format!("{configuration}/conf.d/{UPSTREAM}")),
    }
}

/// Takes back what [`stage`] did, the name of the upstream first: it never names what isn't there.
pub fn restore(system: &System, configuration: &str, port: u16) -> Result<()> {
    let application = format!("{configuration}/{APPLICATION}");
    if let Some(text) = read(system, &application)?
        && text.contains(THROUGH_UPSTREAM)
    {
        let own = text.replace(THROUGH_UPSTREAM, &direct(port));
        system.write(application, own.as_bytes(), 0o644)?;
    }
    system.remove(format!("{configuration}/conf.d/{UPSTREAM}"))
}

/// Whether the file passes requests on as EB's does, and nothing in it would mean something else
/// through an upstream: without a Host header of its own, nginx would send the upstream's name.
fn is_ebs_own(text: &str, direct: &str) -> bool {
    let mut passes = directives(text).filter(|line| words(line).any(|word| word == "proxy_pass"));
    let pass = |line| is_ebs_pass(line, direct);
    let once = passes.next().is_some_and(pass) && passes.next().is_none();
    let host = directives(text).any(|line| {
        let mut words = words(line);
        words.next() == Some("proxy_set_header")
            && words
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("host"))
    });
    once && host && is_in_location(text, direct)
}

/// Exactly EB's directive, alone on its line; its spaces are not always the same.
fn is_ebs_pass(line: &str, direct: &str) -> bool {
    line.split_whitespace().eq(["proxy_pass", direct])
}

/// `proxy_next_upstream` may be in a location, but not in an `if` in one.
fn is_in_location(text: &str, direct: &str) -> bool {
    let above: Vec<_> = directives(text)
        .take_while(|line| !is_ebs_pass(line, direct))
        .collect();
    let block = above.iter().rev().find(|line| line.contains(['{', '}']));
    block.is_some_and(|line| line.starts_with("location ") && line.ends_with('{'))
}

/// Whether the configuration says by itself what is sent again: the staged one, or what is in force and
/// stays. In any file: who includes which is nginx's to know.
fn user_decides(system: &System) -> Result<bool> {
    let staged = files(system, PROXY_STAGING);
    let mut stays = files(system, NGINX);
    stays.retain(|file| !staged.contains(file));
    for (place, files) in [(PROXY_STAGING, staged), (NGINX, stays)] {
        for file in files {
            if read(system, Path::new(place).join(file))?.is_some_and(|text| decides(&text)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The files below a folder, also behind links, by their paths in it.
fn files(system: &System, folder: &str) -> Vec<PathBuf> {
    let root = system.locate(folder);
    walkdir::WalkDir::new(&root)
        .follow_links(true)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| Some(entry.path().strip_prefix(&root).ok()?.to_owned()))
        .collect()
}

fn decides(text: &str) -> bool {
    directives(text).any(|line| words(line).any(|word| word.starts_with("proxy_next_upstream")))
}

/// Lines that are not comments.
fn directives(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || "{};".contains(c))
        .filter(|word| !word.is_empty())
}

/// A file's text; none where there is no file, or no text.
fn read(system: &System, path: impl AsRef<Path>) -> Result<Option<String>> {
    let content = system.read(path)?;
    Ok(content.and_then(|content| String::from_utf8(content).ok()))
}

#[cfg(test)]
mod tests;
