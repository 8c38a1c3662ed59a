#![allow(clippy::unwrap_used)]
use super::*;

fn option(namespace: &str, name: &str, value: &str) -> OptionSetting {
    OptionSetting {
        namespace: namespace.to_owned(),
        option_name: name.to_owned(),
        value: value.to_owned(),
    }
}

#[test]
fn options_are_read_in_both_forms_with_their_values_as_spelled() {
    let file = parse("option_settings:\n  a:b:\n    ON: true\n    N: 080\n    NONE:\n").unwrap();
    let expected = [
        option("a:b", "N", "080"),
        option("a:b", "NONE", ""),
        option("a:b", "ON", "true"),
    ];
    assert_eq!(file.option_settings, expected);
    let list = "option_settings:\n  - namespace: a:b\n    option_name: V\n    value: 1.50\n  - option_name: W\n    value: x\n";
    let expected = [option("a:b", "V", "1.50"), option(PROPERTIES, "W", "x")];
    assert_eq!(parse(list).unwrap().option_settings, expected);
}

#[test]
fn files_keep_their_mode_and_their_text() {
    let file = parse("files:\n  \"/etc/a.conf\":\n    mode: 000644\n    owner: root\n    content: |\n      a\n      \tb\n").unwrap();
    let entry = &file.files["/etc/a.conf"];
    assert_eq!(entry.mode.as_deref(), Some("000644"));
    assert_eq!(entry.content.as_deref(), Some("a\n\tb\n"));
}

#[test]
fn commands_are_a_line_or_a_list() {
    let text = "commands:\n  01_a:\n    command: echo a\n    cwd: /tmp\n    test: \"[ -e /x ]\"\n    ignoreErrors: true\n    env:\n      N: 1\n\
                container_commands:\n  b:\n    command: [echo, 1]\n    leader_only: yes\n";
    let file = parse(text).unwrap();
    let first = &file.commands["01_a"];
    assert_eq!(first.command, Words::Line("echo a".into()));
    assert_eq!(
        (first.cwd.as_deref(), first.test.as_deref()),
        (Some("/tmp"), Some("[ -e /x ]"))
    );
    assert!(first.ignore_errors && !first.leader_only);
    assert_eq!(first.env["N"], "1");
    let second = &file.container_commands["b"];
    assert_eq!(second.command, Words::List(vec!["echo".into(), "1".into()]));
    assert!(second.leader_only);
}

#[test]
fn other_sections_are_named() {
    let file = parse("packages:\n  yum:\n    git: []\nResources:\n  x: !Ref y\n").unwrap();
    assert_eq!(file.others, ["Resources", "packages"]);
}

#[test]
fn json_and_an_empty_file_are_configuration_files_too() {
    let file = parse("{\n\t\"option_settings\": {\n\t\t\"a\": {\"b\": \"c\"}\n\t}\n}\n").unwrap();
    assert_eq!(file.option_settings, [option("a", "b", "c")]);
    for text in ["", "# a comment\n", "option_settings:\n", "commands:\n"] {
        assert!(parse(text).unwrap().commands.is_empty(), "{text:?}");
    }
}

#[test]
fn a_tab_as_indentation_is_an_error_with_its_place() {
    let error = parse(
        "option_settings:\n\taws:elasticbeanstalk:environment:proxy:\n\t\tProxyServer: none\n",
    )
    .unwrap_err();
    assert_eq!((error.line, error.column), (2, 2));
    assert_eq!(
        error.to_string(),
        "line 2, column 2: tabs disallowed within this context (block indentation)"
    );
}

proptest::proptest! {
    #![proptest_config(flipless_testing::any_input(2048))]

    /// The file comes from the user, so the parser must accept or refuse any text, and never panic.
    #[test]
    fn any_text_is_read_or_refused(text in "(option_settings|files|commands|[a-z]{1,3}):[ \\n\\t][ -~\\n\\t]{0,60}") {
        let _ = parse(&text);
    }
}

#[test]
fn the_packages_are_known_by_name_and_a_wrong_section_is_none() {
    for (text, expected) in [
        (
            "packages:\n  yum:\n    git: []\n    epel-release:\n  rpm:\n    x: http://y\n",
            &["x", "epel-release", "git"][..],
        ),
        ("packages:\n  yum:\n", &[]),
        ("packages: [git]\n", &[]),
        ("commands: {}\n", &[]),
    ] {
        let file = parse(text).unwrap();
        assert_eq!(file.packages, expected, "{text}");
    }
}
