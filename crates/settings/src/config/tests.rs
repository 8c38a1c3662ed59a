#![allow(clippy::unwrap_used)]

use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("flipless.toml")).map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_means_the_defaults() {
    assert_eq!(parse("").unwrap(), Config::default());
    assert_eq!(Config::default().server.port.get(), 5000);
}

#[test]
fn a_settings_file_without_a_field_has_the_default_of_flipless_toml() {
    let empty = Settings::from_json(b"{}").unwrap();
    assert_eq!(empty, Config::default().resolve());
}

#[test]
fn a_missing_file_means_the_defaults() {
    let settings = Config::load(Path::new("no-such-folder/flipless.toml")).unwrap();
    assert_eq!(settings, Config::default());
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_known_ones() {
    let error = parse("[front]\nmode = \"nginx\"\n  prot = 80\n").unwrap_err();
    assert!(error.starts_with("flipless.toml:3:3: "), "{error}");
    assert!(
        error.contains("`prot`") && error.contains("`port`"),
        "{error}"
    );
}

#[test]
fn a_wrong_type_is_named_with_its_place() {
    let error = parse("[front]\nport = \"80\"\n").unwrap_err();
    assert!(error.starts_with("flipless.toml:2:8: "), "{error}");
    assert!(error.contains("string"), "{error}");
}

#[test]
fn a_number_out_of_range_says_what_is_allowed() {
    for value in ["0", "65536", "-1", "99999999999"] {
        let error = parse(&format!("[front]\nport = {value}\n")).unwrap_err();
        assert!(error.starts_with("flipless.toml:2:8: "), "{error}");
        assert!(error.contains("from 1 to 65535"), "{error}");
    }
}

#[test]
fn an_unknown_front_mode_lists_the_modes() {
    let error = parse("[front]\nmode = \"apache\"\n").unwrap_err();
    assert!(error.starts_with("flipless.toml:2:8: "), "{error}");
    for mode in ["nginx", "direct", "stock"] {
        assert!(error.contains(&format!("`{mode}`")), "{error}");
    }
}

#[test]
fn names_and_paths_that_could_break_a_unit_are_refused() {
    for line in [
        "[app]\nname = \"a b\"",
        "[app]\nname = \"\"",
        "[app]\nname = \"-x\"",
        "[server]\nhealth-path = \"health\"",
        "[server]\nhealth-path = \"/a b\"",
        "[server]\nhealth-statuses = \"2xx\"",
        "[server]\nhealth-statuses = \"299-200\"",
        "[server]\nhealth-statuses = \"199\"",
        "[server]\nwritable-paths = [\"var/x\"]",
        "[server]\nwritable-paths = [\"/var/../etc\"]",
        "[bundle]\ninclude = [\"../secret\"]",
        "[bundle]\ninclude = [\"/etc\"]",
        "[bundle]\ninclude = [{ form = \"x\" }]",
    ] {
        let error = parse(line).unwrap_err();
        assert!(error.starts_with("flipless.toml:2:"), "{line}: {error}");
    }
}

#[test]
fn an_include_is_a_path_or_a_pair() {
    let settings =
        parse("[bundle]\ninclude = [\"public\", { from = \"web/dist\", to = \"site\" }]").unwrap();
    let pairs: Vec<_> = settings
        .bundle
        .include
        .iter()
        .map(|i| (i.from.as_str(), i.to.as_str()))
        .collect();
    assert_eq!(pairs, [("public", "public"), ("web/dist", "site")]);
}

#[test]
fn an_include_may_say_what_stays_out_and_how_the_rest_is_shipped() {
    let line = "{ from = \"a\", exclude = [\"*.map\"], mode = \"0755\", symlinks = \"keep\" }";
    let settings = parse(&format!("[bundle]\ninclude = [{line}]")).unwrap();
    let [include] = settings.bundle.include.as_slice() else {
        panic!("{settings:?}")
    };
    assert_eq!(include.exclude[0].as_str(), "*.map");
    assert_eq!(include.mode, Some(Mode::Executable));
    assert_eq!(include.symlinks, Symlinks::Keep);
    for (wrong, allowed) in [
        ("mode = \"0600\"", "`0755`"),
        ("symlinks = \"copy\"", "`follow`"),
        ("excludes = []", "`exclude`"),
    ] {
        let text = format!("[bundle]\ninclude = [{{ from = \"a\", {wrong} }}]");
        let error = parse(&text).unwrap_err();
        assert!(error.starts_with("flipless.toml:2:"), "{error}");
        assert!(error.contains(allowed), "{error}");
    }
}

#[test]
fn a_server_elsewhere_has_a_manifest_and_hands_over_as_it_can() {
    let text = "[server]\nmanifest = \"../shop/Cargo.toml\"\nbin = \"shop\"\nhandover = \"port\"";
    let server = parse(text).unwrap().server;
    assert_eq!(server.manifest.unwrap().as_str(), "../shop/Cargo.toml");
    assert_eq!(
        (server.package, server.handover),
        (None, Some(Handover::Port))
    );
    let error = parse("[server]\nhandover = \"proxy\"").unwrap_err();
    assert!(
        error.contains("`socket`") && error.contains("`port`"),
        "{error}"
    );
    assert!(parse("[server]\nmanifest = \"\"").is_err());
}

#[test]
fn the_drain_deadline_fits_the_front_mode_until_it_is_set() {
    assert_eq!(parse("").unwrap().drain_seconds(), 30);
    assert_eq!(
        parse("[front]\nmode = \"direct\"").unwrap().drain_seconds(),
        65
    );
    assert_eq!(
        parse("[server]\ndrain-seconds = 7")
            .unwrap()
            .drain_seconds(),
        7
    );
}

#[test]
fn settings_that_contradict_each_other_are_refused_at_their_place() {
    for taken in ["flipless", "flipless-relay", "flipless-certificates"] {
        let error = parse(&format!("[server]\nbin = {taken:?}")).unwrap_err();
        assert!(error.starts_with("flipless.toml:2:1: "), "{error}");
    }
    let error = parse("[server]\nport = 80\n").unwrap_err();
    assert!(
        error.starts_with("flipless.toml:2:1: ") && error.contains("differ"),
        "{error}"
    );
    assert!(parse("[server]\nport = 80\n[front]\nmode = \"direct\"\n").is_ok());
}

#[test]
fn the_file_that_comes_with_the_project_names_every_key_with_its_default() {
    let file = include_str!("../../../../flipless.toml");
    assert_eq!(parse(file).unwrap(), Config::default());
    let is_key = |line: &&str| line.starts_with(char::is_lowercase) && line.contains(" = ");
    let uncommented: Vec<&str> = file
        .lines()
        .map(|line| line.strip_prefix("# ").filter(is_key).unwrap_or(line))
        .collect();
    // These keys exclude others, and have tests of their own.
    let excludes = ["command = ", "certificate = ", "key = "];
    let uncommented: Vec<&str> = uncommented
        .into_iter()
        .filter(|line| !excludes.iter().any(|key| line.starts_with(key)))
        .collect();
    let mut all = parse(&uncommented.join("\n")).unwrap();
    assert_eq!(
        all.server.handover.take(),
        Some(Handover::Socket),
        "the default without a command line"
    );
    let processes = std::mem::take(&mut all.processes).into_iter();
    let lines: Vec<_> = processes
        .map(|(name, line)| format!("{name}: {line}"))
        .collect();
    assert_eq!(lines, ["mailer: bin/mailer --queue high"], "an example");
    assert_eq!(
        all.server.manifest.take().map(|path| path.to_string()),
        Some("../shop/Cargo.toml".into()),
        "an example"
    );
    assert_eq!(
        all.server.package.take().map(|name| name.to_string()),
        Some("flipless-demo".into()),
        "the default without a manifest"
    );
    assert_eq!(
        all.server.memory_limit_mib.take().map(Number::get),
        Some(512),
        "an example"
    );
    assert_eq!(
        all.server.drain_seconds.take().map(Number::get),
        Some(30),
        "the default in nginx mode"
    );
    assert_eq!(
        all.server.own_user.take(),
        Some(true),
        "the default without writable paths"
    );
    let https = std::mem::take(&mut all.https);
    assert_eq!(https.resolve().email.as_deref(), Some("you@example.com"));
    assert_eq!(https.domains.len(), 2, "an example");
    let examples = Https {
        domains: https.domains.clone(),
        email: https.email.clone(),
        profile: https.profile.clone(),
        account_key_id: https.account_key_id.clone(),
        account_hmac_property: https.account_hmac_property.clone(),
        trusted_root: https.trusted_root.clone(),
        ..Https::default()
    };
    assert_eq!(https, examples, "the others are defaults");
    assert_eq!(all, Config::default());
    let keys = uncommented.iter().filter(|line| is_key(line)).count();
    let known = serde_count(&Config::default());
    assert_eq!(keys, known, "a key is missing in flipless.toml");
}

/// The number of keys.
fn serde_count(settings: &Config) -> usize {
    let value = toml::Value::try_from(settings).unwrap();
    let sections = value.as_table().unwrap().values();
    // TOML has no null: the 11 keys without a default are not in the table. The example of a process is a key, too.
    sections
        .map(|section| section.as_table().unwrap().len())
        .sum::<usize>()
        + 12
}

#[test]
fn a_folder_that_no_server_may_write_to_is_refused_at_its_place_with_the_reason() {
    for (path, why) in [
        ("/var/app/current/uploads", "each version has its own copy"),
        ("/var/app//current/", "each version has its own copy"),
        ("/etc", "operating system"),
        ("/", "contains"),
        ("/opt/flipless", "flipless"),
    ] {
        let text = format!("[server]\nwritable-paths = [\"/srv\", {path:?}]");
        let error = parse(&text).unwrap_err();
        assert!(error.starts_with("flipless.toml:2:"), "{error}");
        let path = format!("{path:?} is not allowed: ");
        assert!(error.contains(&path) && error.contains(why), "{error}");
    }
}

#[test]
fn each_run_has_a_user_of_its_own_unless_it_writes_files() {
    let paths = "[server]\nwritable-paths = [\"/srv\"]\n";
    for (text, own) in [
        ("", true),
        (paths, false),
        (&format!("{paths}own-user = true"), true),
        ("[server]\nown-user = false", false),
    ] {
        let config = parse(text).unwrap();
        assert_eq!(config.own_user(), own, "{text}");
        assert_eq!(config.resolve().server.own_user, own, "{text}");
    }
    let resolved = parse(paths).unwrap().resolve();
    assert_eq!(resolved.server.writable_paths, ["/srv"]);
}

#[test]
fn only_a_check_can_be_allowed() {
    let config = parse("[check]\nallow = [\"nginx: directives\", \"names\"]").unwrap();
    assert_eq!(config.resolve().check.allow, ["nginx: directives", "names"]);
    for name in ["nginx directives", "zip", ""] {
        let error = parse(&format!("[check]\nallow = [\"{name}\"]")).unwrap_err();
        assert!(error.starts_with("flipless.toml:2:9: "), "{error}");
        assert!(error.contains("`nginx: directives`, "), "{error}");
    }
}

#[test]
fn an_argument_with_a_nul_is_refused() {
    let error = parse("[server]\nargs = [\"a\\u0000b\"]").unwrap_err();
    assert!(
        error.starts_with("flipless.toml:2:") && error.contains("NUL"),
        "{error}"
    );
}

#[test]
fn a_command_line_takes_the_place_of_a_binary() {
    let text = "[server]\ncommand = \"exec ./shop -v > log\"\n";
    let command = parse(text).unwrap().resolve().server.command;
    assert_eq!(command.as_deref(), Some("exec ./shop -v > log"));
    for (line, key) in [
        ("handover = \"socket\"", "command"),
        ("bin = \"shop\"", "bin"),
        ("args = [\"-v\"]", "args"),
        ("package = \"shop\"", "package"),
        ("manifest = \"Cargo.toml\"", "manifest"),
    ] {
        let error = parse(&format!("[server]\ncommand = \"./shop\"\n{line}\n")).unwrap_err();
        assert!(
            error.starts_with("flipless.toml:") && error.contains("`command`"),
            "{error}"
        );
        assert!(error.contains(&format!("`{key}`")), "{error}");
    }
    for command in ["", " ", "a\\nb", "a\\u0000"] {
        let text = format!("[server]\ncommand = \"{command}\"\n");
        assert!(
            parse(&text).unwrap_err().contains("one line"),
            "{command:?}"
        );
    }
}

#[test]
fn a_process_has_a_name_that_eb_takes_and_no_other_unit_has() {
    let processes = parse("[processes]\nmailer_2 = \"bin/x\"\n9 = \"y\"")
        .unwrap()
        .processes;
    assert_eq!(processes.len(), 2);
    for line in [
        "web = \"x\"",
        "nginx = \"x\"",
        "flipless-app = \"x\"",
        "\"a b\" = \"x\"",
        "\"\" = \"x\"",
        "a = \"\"",
        "a = \"x\\ny\"",
    ] {
        let error = parse(&format!("[processes]\n{line}")).unwrap_err();
        assert!(error.starts_with("flipless.toml:2:"), "{line}: {error}");
    }
}

#[test]
fn a_server_behind_the_relay_can_read_its_port_from_other_variables() {
    let with = |list: &str| {
        parse(&format!(
            "[server]\nhandover = \"port\"\nport-variables = [{list}]"
        ))
    };
    let config = with(r#""HTTP_PORT", "_B1=", "URL=http://127.0.0.1:{port}/?a=b""#);
    let error = config.unwrap_err();
    assert!(
        error.starts_with("flipless.toml:3:") && error.contains("`{port}`"),
        "{error}"
    );
    let config = with(r#""HTTP_PORT", "URL=http://127.0.0.1:{port}/?a=b""#).unwrap();
    let variables = config.resolve().server.port_variables;
    assert_eq!(
        variables,
        ["HTTP_PORT={port}", "URL=http://127.0.0.1:{port}/?a=b"]
    );
    for (wrong, why) in [
        ("", "letters"),
        ("=x{port}", "letters"),
        ("1A", "letters"),
        ("A B", "letters"),
        ("A-B", "letters"),
        ("PORT", "sets this"),
        ("FLIPLESS_HOLD", "sets this"),
        ("LISTEN_FDS", "sets this"),
        ("NOTIFY_SOCKET=a{port}", "sets this"),
        ("A=5000", "`{port}`"),
        ("A={{port}}", "`{port}`"),
        ("A={port}\\u0000", "NUL"),
    ] {
        let error = with(&format!("\"{wrong}\"")).unwrap_err();
        assert!(
            error.starts_with("flipless.toml:3:") && error.contains(why),
            "{error}"
        );
    }
    let error = parse("[server]\nport-variables = [\"HTTP_PORT\"]").unwrap_err();
    assert!(
        error.starts_with("flipless.toml:2:1: ") && error.contains("handover = \"port\""),
        "{error}"
    );
}

fn https(lines: &str) -> Result<Config, String> {
    parse(&format!(
        "[https]\ndomains = [\"shop.example.com\"]\n{lines}\n"
    ))
}

#[test]
fn two_lines_are_enough_for_https() {
    let config = https("email = \"you@example.com\"").unwrap();
    let resolved = config.resolve().https;
    assert_eq!(resolved.domains, ["shop.example.com"]);
    assert_eq!(resolved.email.as_deref(), Some("you@example.com"));
    assert_eq!((resolved.port, resolved.redirect), (443, true));
    assert_eq!(
        parse("").unwrap().resolve().https,
        settings::Https::default()
    );
}

#[test]
fn the_names_of_a_certificate_are_in_lower_case_and_each_is_there_once() {
    let with = |names: &str| parse(&format!("[https]\ndomains = [{names}]\n"));
    let config = with(r#""WWW.Example.com", "example.com""#).unwrap();
    assert_eq!(
        config.resolve().https.domains,
        ["www.example.com", "example.com"]
    );
    let error = parse("[https]\ndomains = \"a.example\"\n").unwrap_err();
    assert!(
        error.starts_with("flipless.toml:2:") && error.contains("a list, such as"),
        "{error}"
    );
    for (names, said) in [
        (r#""a.example", "A.Example""#, "`a.example` is listed twice"),
        (r#""*.a.example""#, "wildcard"),
        (r#""b\u00fccher.example""#, "`xn--`"),
    ] {
        let error = with(names).unwrap_err();
        assert!(
            error.starts_with("flipless.toml:2:") && error.contains(said),
            "{error}"
        );
    }
    let many = |count: usize| {
        let names = (0..count).map(|number| format!("\"a{number}.example\""));
        names.collect::<Vec<_>>().join(", ")
    };
    assert!(with(&many(100)).is_ok());
    assert!(with(&many(101)).unwrap_err().contains("at most 100"));
}

#[test]
fn settings_of_https_need_a_name() {
    for lines in [
        "email = \"a@b.example\"",
        "certificate = \"/a.pem\"\nkey = \"/b.pem\"",
        "account-key-id = \"k\"\naccount-hmac-property = \"H\"",
    ] {
        let error = parse(&format!("[https]\n{lines}\n")).unwrap_err();
        assert!(
            error.starts_with("flipless.toml:2:") && error.contains("needs `domains`"),
            "{error}"
        );
        parse(&format!("[https]\ndomains = [\"a.example\"]\n{lines}\n")).unwrap();
    }
}

#[test]
fn https_needs_the_front_and_ports_of_its_own() {
    for mode in ["direct", "stock"] {
        let front = format!("[front]\nmode = \"{mode}\"");
        let error = https(&front).unwrap_err();
        assert!(
            error.starts_with("flipless.toml:2:1: ") && error.contains(mode),
            "{error}"
        );
        let config = https("").unwrap();
        let error = config.with_front_mode(Some(mode)).unwrap_err();
        assert!(error.contains("`[front] mode = \"nginx\"`"), "{error}");
        // Without a name there is no HTTPS.
        assert!(parse(&format!("[https]\nport = 8443\n{front}")).is_ok());
    }
    for (line, other) in [
        ("port = 80", "[front] port"),
        ("port = 5000", "[server] port"),
    ] {
        let error = https(line).unwrap_err();
        assert!(error.contains(other) && error.contains("differ"), "{error}");
    }
    let error = https("[server]\nhealth-path = \"/.well-known/acme-challenge/up\"").unwrap_err();
    assert!(error.contains("health path"), "{error}");
}

#[test]
fn keys_of_https_that_need_or_exclude_each_other_are_named() {
    let own = "certificate = \"/a.pem\"\nkey = \"/b.pem\"";
    assert!(https(own).is_ok());
    assert!(https("account-key-id = \"k\"\naccount-hmac-property = \"H\"").is_ok());
    for (lines, said) in [
        ("certificate = \"/a.pem\"", "`certificate` needs `key`"),
        ("key = \"/a.pem\"", "`key` needs `certificate`"),
        (
            "account-key-id = \"k\"",
            "`account-key-id` needs `account-hmac-property`",
        ),
        (
            "account-hmac-property = \"H\"",
            "`account-hmac-property` needs `account-key-id`",
        ),
        (
            &format!("{own}\nemail = \"a@b.example\""),
            "`certificate` and `email` exclude",
        ),
        (
            &format!("{own}\nprofile = \"a\""),
            "`certificate` and `profile` exclude",
        ),
        (
            &format!("{own}\ndirectory = \"https://a.example/\""),
            "`certificate` and `directory` exclude",
        ),
        (
            &format!("{own}\ntrusted-root = \"/c.pem\""),
            "`certificate` and `trusted-root` exclude",
        ),
        ("certificate = \"/var/app/current/a.pem\"", "/var/app"),
        ("certificate = \"a.pem\"", "absolute path"),
        ("email = \"you\"", "you@example.com"),
        ("directory = \"http://a.example/\"", "`https://`"),
        ("directory = \"https://\"", "`https://`"),
        ("account-hmac-property = \"A-B\"", "environment property"),
        ("strict-transport-security-seconds = 63072001", "63072000"),
    ] {
        let error = https(lines).unwrap_err();
        assert!(error.starts_with("flipless.toml:"), "{error}");
        assert!(error.contains(said), "{lines}: {error}");
    }
}
