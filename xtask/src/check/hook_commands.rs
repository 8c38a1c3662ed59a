//! Finds commands in hooks and in EB's configuration files that work differently with flipless. Each finding is
//! only a warning, because the deployment works.

use std::collections::BTreeSet;

use super::hooks;
use super::outcome::Check;
use crate::bundle::Bundle;

/// The folders of hooks, of the files that hooks call, and of EB's configuration files.
const FOLDERS: [&str; 3] = [
    ".platform/hooks/",
    ".platform/confighooks/",
    ".ebextensions/",
];
/// Settings that replace a key of a drop-in for web.service or for nginx.service.
const WEB: [(&str, &str); 7] = [
    ("LimitNOFILE", "`[server] open-files`"),
    ("MemoryMax", "`[server] memory-limit-mib`"),
    ("MemoryLimit", "`[server] memory-limit-mib`"),
    ("TimeoutStartSec", "`[server] start-seconds`"),
    ("TimeoutStopSec", "`[server] drain-seconds`"),
    ("ReadWritePaths", "`[server] writable-paths`"),
    ("Environment", "an environment property"),
];
const NGINX: [(&str, &str); 1] = [("LimitNOFILE", "`[front] open-files`")];

/// Warns about hooks that EB does not run when only the configuration changes.
pub fn twins(bundle: &Bundle) -> Check {
    let [deployments, changes] = hooks::FOLDERS;
    let hooks = bundle.entries.iter().filter(|entry| hooks::is_hook(entry));
    let names: Vec<&str> = hooks.map(|entry| entry.name.as_str()).collect();
    let twins: BTreeSet<&str> = names
        .iter()
        .filter_map(|name| name.strip_prefix(changes))
        .collect();
    let alone = names
        .iter()
        .filter_map(|name| name.strip_prefix(deployments));
    let alone: Vec<&str> = alone.filter(|name| !twins.contains(name)).collect();
    let warning = format!(
        "EB does not run {} when only a property or a setting changes: {changes} has no file of the same name",
        alone.join(", ")
    );
    let warnings: Vec<String> = (!alone.is_empty()).then_some(warning).into_iter().collect();
    Check::of("hooks: twins", Vec::new(), "every hook has a twin")
        .with_warnings(&warnings)
        .with_hint(format!(
            "ship the hook in both folders, if its effect is lost when EB writes the configuration again: \
             `{{ from = \"{deployments}…\", to = \"{changes}…\" }}` in `[bundle] include`"
        ))
}

/// Warns about commands that flipless makes superfluous, or that have no effect with it.
pub fn commands(bundle: &Bundle) -> Check {
    let mut warnings = Vec::new();
    for entry in &bundle.entries {
        let read = FOLDERS.iter().any(|folder| entry.name.starts_with(folder));
        let Some(text) = entry
            .text()
            .filter(|_| read && !hooks::is_ours(&entry.name))
        else {
            continue;
        };
        let text = String::from_utf8_lossy(text);
        let lines = text.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim_start().starts_with('#'));
        warnings.extend(lines.filter_map(|(index, line)| {
            let what = remark(line)?;
            Some(format!("{}:{} {what}", entry.name, index + 1))
        }));
        warnings.extend(drop_in(&text).map(|what| format!("{} {what}", entry.name)));
    }
    Check::of("hooks: commands", Vec::new(), "none that flipless changes").with_warnings(&warnings)
}

/// A remark about one line of a script, which may have several commands.
fn remark(line: &str) -> Option<&'static str> {
    line.split([';', '&', '|']).find_map(remark_on_command)
}

fn remark_on_command(command: &str) -> Option<&'static str> {
    let separators = |c: char| c.is_whitespace() || "\"'`()$,[]{}".contains(c);
    let words: Vec<&str> = command
        .split(separators)
        .filter(|word| !word.is_empty())
        .collect();
    let bases: Vec<&str> = words
        .iter()
        .filter_map(|word| word.rsplit('/').next())
        .collect();
    let calls = |program: &str| {
        bases
            .iter()
            .position(|base| *base == program)
            .map(|at| &bases[at + 1..])
    };
    let of_nginx = |rest: &[&str]| {
        rest.iter()
            .any(|word| ["nginx", "nginx.service"].contains(word))
    };
    let has = |rest: &[&str], names: &[&str]| rest.iter().any(|word| names.contains(word));
    let by_manager = ["systemctl", "service"].into_iter().filter_map(calls);
    let stops = by_manager
        .into_iter()
        .any(|rest| of_nginx(rest) && has(rest, &["stop", "kill"]))
        || calls("nginx")
            .is_some_and(|rest| rest.first() == Some(&"-s") && has(rest, &["stop", "quit"]))
        || command.contains("init.d/nginx stop");
    let kills = ["killall", "pkill"]
        .into_iter()
        .filter_map(calls)
        .any(of_nginx);
    let certbot = ["certbot", "certbot-auto"]
        .into_iter()
        .find_map(calls)
        .is_some();
    if certbot && words.contains(&"--standalone") {
        Some(
            "runs certbot with --standalone, which opens port 80: systemd already keeps this port open for nginx, \
             so the challenge fails. Use `--webroot` or `--nginx`",
        )
    } else if certbot {
        Some(
            "runs certbot, which changes nginx's files on this instance. EB writes them again in each deployment \
             and each change of a property, so the hook needs a twin in .platform/confighooks/. `[https]` in \
             flipless.toml makes and renews a certificate without a hook",
        )
    } else if stops {
        Some(
            "stops nginx.service, which is a stand-in: the real nginx continues to serve, and keeps its ports. To \
             load changed files, `systemctl reload nginx` is enough",
        )
    } else if kills {
        Some(
            "kills the real nginx, so the requests in progress fail. `systemctl reload nginx` loses no request",
        )
    } else {
        None
    }
}

/// A remark about a drop-in for a unit of EB that is a stand-in.
fn drop_in(text: &str) -> Option<String> {
    let mentions = |unit: &str| {
        let edits = format!("systemctl edit {unit}");
        text.contains(&format!("systemd/system/{unit}.service.d")) || text.contains(&edits)
    };
    let (unit, real, settings) = if mentions("web") {
        ("web", "flipless-app@.service", WEB.as_slice())
    } else if mentions("nginx") {
        ("nginx", "flipless-front.service", NGINX.as_slice())
    } else {
        return None;
    };
    let named = settings
        .iter()
        .filter(|(key, _)| text.contains(&format!("{key}=")));
    let named: BTreeSet<&str> = named.map(|(_, setting)| *setting).collect();
    let instead = match named.is_empty() {
        true => format!("write the drop-in for {real}"),
        false => format!(
            "set {}",
            named.into_iter().collect::<Vec<_>>().join(" and ")
        ),
    };
    Some(format!(
        "writes a drop-in for {unit}.service, which is a stand-in: {instead} instead"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_stops_nginx_or_runs_certbot_is_found() {
        for (line, expected) in [
            ("systemctl stop nginx", Some("a stand-in")),
            (
                "sudo /usr/bin/systemctl stop nginx.service || true",
                Some("a stand-in"),
            ),
            ("    command: \"service nginx stop\"", Some("a stand-in")),
            (
                "  01_stop: {command: [systemctl, stop, nginx]}",
                Some("a stand-in"),
            ),
            ("nginx -s quit", Some("a stand-in")),
            ("systemctl --now -q stop httpd nginx", Some("a stand-in")),
            ("test -e x && /etc/init.d/nginx stop", Some("a stand-in")),
            ("systemctl stop x; systemctl start nginx", None),
            ("killall nginx", Some("kills the real nginx")),
            ("certbot -n -d example.org --nginx", Some("a twin")),
            ("x=$(/usr/bin/certbot renew)", Some("a twin")),
            ("sudo certbot certonly --standalone -d x", Some("--webroot")),
            ("systemctl restart nginx", None),
            ("systemctl reload nginx; systemctl stop other", None),
            ("systemctl start nginx", None),
            ("nginx -s reload", None),
            ("echo nginx stop", None),
            ("dnf install -y python3-certbot-nginx", None),
        ] {
            let found = remark(line);
            assert_eq!(found.is_some(), expected.is_some(), "{line}: {found:?}");
            let part = expected.unwrap_or_default();
            assert!(
                found.unwrap_or_default().contains(part),
                "{line}: {found:?}"
            );
        }
    }

    #[test]
    fn a_drop_in_is_found_with_the_setting_that_replaces_it() {
        for (text, expected) in [
            (
                "mkdir -p /etc/systemd/system/web.service.d\nprintf '[Service]\\nLimitNOFILE=65536\\n'",
                "set `[server] open-files`",
            ),
            (
                "cat > /etc/systemd/system/nginx.service.d/x.conf <<E\n[Service]\nLimitNOFILE=9\nE",
                "set `[front] open-files`",
            ),
            (
                "/usr/lib/systemd/system/web.service.d/a.conf MemoryMax=1G",
                "set `[server] memory-limit-mib`",
            ),
            (
                "/etc/systemd/system/nginx.service.d/a.conf Nice=1",
                "the drop-in for flipless-front.service",
            ),
            (
                "systemctl edit web --stdin <<E\n[Service]\nNice=1",
                "the drop-in for flipless-app@.service",
            ),
        ] {
            let found = drop_in(text).unwrap_or_default();
            assert!(found.contains(expected), "{text}: {found}");
        }
        assert_eq!(drop_in("/etc/systemd/system/other.service.d/a.conf"), None);
        assert_eq!(
            drop_in("/etc/systemd/system/flipless-front.service.d/a.conf"),
            None
        );
    }
}
