#![allow(clippy::unwrap_used)]

use super::*;

const ALIAS: &str = "run --quiet --manifest-path xtask/Cargo.toml --target-dir target --";

fn alias(text: &str, name: &str, is_ours: bool) -> Result<Edit, String> {
    let edit = with_alias(Some(text), name, is_ours, ".cargo/config.toml");
    edit.map_err(|error| format!("{error:#}"))
}

#[test]
fn an_alias_joins_the_others_and_keeps_comments() {
    let edit = with_alias(None, "xtask", false, "config").unwrap();
    assert_eq!(edit, Edit::Text(format!("[alias]\nxtask = \"{ALIAS}\"\n")));
    let old = "# ours\n[build]\njobs = 2 # few\n\n[alias]\nb = \"build\"\n";
    let new = format!("{old}xtask = \"{ALIAS}\"\n");
    assert_eq!(alias(old, "xtask", false), Ok(Edit::Text(new.clone())));
    assert_eq!(alias(&new, "xtask", false), Ok(Edit::None), "a second time");
    let list = ALIAS.split(' ').map(|word| format!("{word:?}"));
    let list = format!("alias.xtask = [{}]\n", list.collect::<Vec<_>>().join(", "));
    assert_eq!(alias(&list, "xtask", false), Ok(Edit::None), "{list}");
}

#[test]
fn another_alias_of_the_same_name_is_refused_unless_the_package_is_ours() {
    let old = "[alias]\nxtask = [\"run\", \"-p\", \"xtask\", \"--\"]\n";
    let error = alias(old, "xtask", false).unwrap_err();
    assert!(error.contains("already") && error.contains("-p"), "{error}");
    assert_eq!(
        alias(old, "xtask", true),
        Ok(Edit::None),
        "the user has changed it"
    );
    let Ok(Edit::Text(new)) = alias(old, "flipless", false) else {
        panic!("not added");
    };
    assert!(
        new.starts_with(old) && new.contains("flipless/Cargo.toml"),
        "{new}"
    );
}

#[test]
fn a_broken_configuration_is_an_error() {
    for (text, part) in [
        ("alias = 1", "not a table"),
        ("[alias", "cannot read .cargo/config.toml"),
    ] {
        let error = alias(text, "xtask", false).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn a_workspace_whose_globs_match_excludes_the_package() {
    for (members, is_changed) in [
        (r#"["*"]"#, true),
        (r#"["./*", "crates/*"]"#, true),
        (r#"["**"]"#, true),
        (r#"["xta?k/"]"#, true),
        (r#"["crates/*"]"#, false),
        (r#"["*/*", "shop"]"#, false),
        (
            r#"["*"]
exclude = ["xtask"]"#,
            false,
        ),
        (
            r#"["*"]
exclude = ["./xtask/"]"#,
            false,
        ),
    ] {
        let text = format!("# all\n[workspace]\nmembers = {members}\n");
        match without_members(&text, &["xtask"]).unwrap() {
            Edit::None => assert!(!is_changed, "{text}"),
            Edit::Text(new) => {
                assert!(is_changed && new.starts_with(&text), "{new}");
                assert_eq!(new, format!("{text}exclude = [\"xtask\"]\n"));
                assert_eq!(without_members(&new, &["xtask"]).unwrap(), Edit::None);
            }
        }
    }
    let others = "[workspace]\nmembers = [\"*\"]\nexclude = [\"fuzz\"] # slow\n";
    let edit = without_members(others, &["xtask"]).unwrap();
    let new = others.replace("\"fuzz\"", "\"fuzz\", \"xtask\"");
    assert_eq!(edit, Edit::Text(new));
    let two = without_members("[workspace]\nmembers = [\"*\"]\n", &["xtask", ".cargo"]).unwrap();
    let expected = "[workspace]\nmembers = [\"*\"]\nexclude = [\"xtask\", \".cargo\"]\n";
    assert_eq!(two, Edit::Text(expected.into()));
    assert_eq!(
        without_members("[package]\n", &["xtask"]).unwrap(),
        Edit::None
    );
}

#[test]
fn a_dependency_gets_another_source_and_keeps_its_other_keys() {
    let old = "[dependencies] # two\na = \"1\"\nb = { package = \"x\", path = \"../x\", features = [\"f\"] }\n";
    let git = [("git", "https://h/x".to_owned()), ("rev", "1".to_owned())];
    let Edit::Text(new) = with_dependency(old, "b", &git).unwrap() else {
        panic!("not changed");
    };
    let parsed: DocumentMut = new.parse().unwrap();
    let b = &parsed["dependencies"]["b"];
    assert!(
        b.get("path").is_none() && new.starts_with("[dependencies] # two\na = \"1\"\n"),
        "{new}"
    );
    assert_eq!(
        (b["git"].as_str(), b["rev"].as_str()),
        (Some("https://h/x"), Some("1"))
    );
    assert_eq!(
        (b["package"].as_str(), b["features"][0].as_str()),
        (Some("x"), Some("f"))
    );
    assert_eq!(with_dependency(&new, "b", &git).unwrap(), Edit::None);
    with_dependency(old, "a", &git).unwrap_err();
}

#[test]
fn a_line_is_added_to_a_file_without_a_last_line_end() {
    for (old, new) in [
        (None, "/target\n"),
        (Some("a"), "a\n/target\n"),
        (Some("a\n"), "a\n/target\n"),
        (Some("a\r\n"), "a\r\n/target\r\n"),
    ] {
        assert_eq!(ignoring(old, "/target"), Edit::Text(new.into()));
        assert_eq!(ignoring(Some(new), "/target"), Edit::None);
    }
}

#[test]
fn the_line_ends_of_windows_stay() {
    let old = "[dependencies]\r\nb = { path = \"../b\" }\r\n";
    let path = [("path", "../c".to_owned())];
    let Edit::Text(new) = with_dependency(old, "b", &path).unwrap() else {
        panic!("it changes");
    };
    assert_eq!(new, old.replace("../b", "../c"));
    assert_eq!(with_dependency(&new, "b", &path).unwrap(), Edit::None);
}
