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
    assert!(
        error.contains("`nginx`, `direct`, `stock`") || error.contains("nginx"),
        "{error}"
    );
}

#[test]
fn names_and_paths_that_could_break_a_unit_are_refused() {
    for line in [
        "[app]\nname = \"a b\"",
        "[app]\nname = \"\"",
        "[app]\nname = \"-x\"",
        "[server]\nhealth-path = \"health\"",
        "[server]\nhealth-path = \"/a b\"",
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
    assert_eq!((server.package, server.handover), (None, Handover::Port));
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
    for taken in ["flipless", "flipless-relay"] {
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
    let mut all = parse(&uncommented.join("\n")).unwrap();
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
    assert_eq!(all, Config::default());
    let keys = uncommented.iter().filter(|line| is_key(line)).count();
    let known = serde_count(&Config::default());
    assert_eq!(keys, known, "a key is missing in flipless.toml");
}

/// The number of keys.
fn serde_count(settings: &Config) -> usize {
    let value = toml::Value::try_from(settings).unwrap();
    let sections = value.as_table().unwrap().values();
    // TOML has no null: the four keys without a default are not in the table.
    sections
        .map(|section| section.as_table().unwrap().len())
        .sum::<usize>()
        + 4
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
