//! The header X-Forwarded-Proto, from which the application learns that its client speaks HTTPS. EB's own location does
//! not set this header. The location also inherits no header from its surroundings, because it has a `proxy_set_header`
//! of its own (ngx_http_proxy_merge_loc_conf). So flipless adds a line to EB's own location.

use anyhow::Result;
use flipless_settings::nginx::https::FORWARDED;

use crate::instance::output::say;
use crate::instance::system::System;
use crate::proxy::syntax;

/// EB's file with the location of the application.
const APPLICATION: &str = "conf.d/elasticbeanstalk/00_application.conf";

/// Adds the line to EB's location, if nothing else sets the header.
pub fn put_in(system: &System, configuration: &str) -> Result<()> {
    let path = format!("{configuration}/{APPLICATION}");
    let text = system.read(&path)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    match with_line(&text) {
        Some(changed) => system.write(path, changed.as_bytes(), 0o644),
        None if sets_it(&text) => Ok(()),
        None => {
            say(
                "warning: the location of the application is customised, so the application may not learn that a \
                 client speaks HTTPS: add `proxy_set_header X-Forwarded-Proto $scheme;` to this location",
            );
            Ok(())
        }
    }
}

/// Removes the line.
pub fn take_out(system: &System, configuration: &str) -> Result<()> {
    let path = format!("{configuration}/{APPLICATION}");
    let Some(text) = system.read(&path)? else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(&text);
    let lines = text.split_inclusive('\n');
    let without: String = lines.filter(|line| line.trim() != FORWARDED).collect();
    match without == text {
        true => Ok(()),
        false => system.write(path, without.as_bytes(), 0o644),
    }
}

fn sets_it(text: &str) -> bool {
    let file = syntax::parse(text);
    let all = syntax::all(&file);
    let mut headers = all
        .iter()
        .filter(|found| found.name() == "proxy_set_header");
    headers.any(|header| {
        let name = header.arguments().first();
        name.is_some_and(|name| name.eq_ignore_ascii_case("x-forwarded-proto"))
    })
}

/// Returns the text with the line after its only `proxy_pass`; `None` if the line does not fit there. A location
/// without any `proxy_set_header` inherits the headers that are set around it. With the line it would no longer inherit
/// them, so the line does not fit into such a location.
fn with_line(text: &str) -> Option<String> {
    let file = syntax::parse(text);
    let mut locations = file.iter().filter(|found| found.name() == "location");
    let has = |block: &[syntax::Directive], name| block.iter().any(|found| found.name() == name);
    let fits = locations.any(|location| {
        has(&location.block, "proxy_pass") && has(&location.block, "proxy_set_header")
    });
    let all = syntax::all(&file);
    let passes = all.iter().filter(|found| found.name() == "proxy_pass");
    let is_pass = |line: &str| line.split_whitespace().next() == Some("proxy_pass");
    let lines = text
        .lines()
        .filter(|line| is_pass(line) && line.trim_end().ends_with(';'));
    if !fits || sets_it(text) || passes.count() != 1 || lines.count() != 1 {
        return None;
    }
    let with = text.split_inclusive('\n').map(|line| match is_pass(line) {
        true => format!("{}\n    {FORWARDED}\n", line.trim_end()),
        false => line.to_owned(),
    });
    Some(with.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flipless_settings::stock::APPLICATION_CONF;

    #[test]
    fn ebs_own_location_gets_the_line_once() {
        let with = with_line(APPLICATION_CONF).unwrap_or_default();
        assert_eq!(with.matches(FORWARDED).count(), 1, "{with}");
        let file = syntax::parse(&with);
        assert!(
            file[0].block.iter().any(
                |found| found.arguments() == ["X-Forwarded-Proto", "$flipless_forwarded_proto"]
            )
        );
        assert_eq!(with_line(&with), None);
    }

    #[test]
    fn a_customised_location_is_left_alone() {
        for text in [
            "",
            "location / { return 200; }",
            // With the line, this location would lose the headers that it inherits.
            "location / {\nproxy_pass http://a;\n}",
            "location / {\nproxy_pass http://a;\nproxy_set_header x-forwarded-proto https;\n}",
            "location / {\nproxy_set_header A b; proxy_pass http://a;\n}",
            "location / {\nproxy_pass http://a;\nproxy_set_header A b;\n}\nlocation /b {\nproxy_pass http://b;\n}",
            "location / {\nproxy_pass\nhttp://a;\nproxy_set_header A b;\n}",
        ] {
            assert_eq!(with_line(text), None, "{text}");
        }
    }
}
