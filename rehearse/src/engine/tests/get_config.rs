//! The model's `get-config`, run on this machine with the files that the engine has written.

use std::process::Command;

use super::super::*;
use super::fake::{Fake, bundle_with, engine};

const OPTIONS: &str = "option_settings:\n  aws:elasticbeanstalk:application:environment:\n    COLOUR: blue\n\
                       \x20 aws:elasticbeanstalk:environment:proxy:\n    ProxyServer: none\n\
                       \x20 aws:autoscaling:launchconfiguration:\n    InstanceType: t3.micro\n";

fn deployed() -> Engine<Fake> {
    let mut engine = engine(Fake::new(), variants::STANDARD);
    let bundle = bundle_with(&[(".ebextensions/a.config", OPTIONS)]);
    let properties = Properties::from([
        ("URL".into(), "a: \"b\"/c".into()),
        ("PORT".into(), "80".into()),
    ]);
    let created = engine.create_environment(bundle.path(), properties);
    created.outcome.unwrap();
    engine
}

/// The exit status and the output of `get-config` with these words.
fn ask(engine: &Engine<Fake>, words: &str) -> (Option<i32>, String) {
    let store = engine.path("/opt/elasticbeanstalk/config");
    let script = include_str!("../../../model/get-config")
        .replace("/opt/elasticbeanstalk/config", store.to_str().unwrap());
    let output = Command::new("sh")
        .args(["-c", &script, "get-config"])
        .args(words.split_whitespace())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8(said).unwrap().trim_end().to_owned(),
    )
}

#[test]
fn each_documented_question_has_an_answer() {
    let engine = deployed();
    let proxy = "aws:elasticbeanstalk:environment:proxy";
    for (words, expected) in [
        (
            "environment",
            r#"{"COLOUR":"blue","PORT":"80","URL":"a: \"b\"/c"}"#,
        ),
        ("environment -k URL", "a: \"b\"/c"),
        ("environment --key PORT", "80"),
        ("environment -k GOPATH", "/var/app/current"),
        (
            "--output YAML environment",
            "COLOUR: \"blue\"\nPORT: \"80\"\nURL: \"a: \\\"b\\\"/c\"",
        ),
        ("environment --output yaml -k COLOUR", "blue"),
        (&format!("optionsettings -n {proxy} -o ProxyServer"), "none"),
        (&format!("optionsettings -o ProxyServer -n {proxy}"), "none"),
        (
            &format!("optionsettings --namespace {proxy}"),
            r#"{"ProxyServer":"none","StaticFiles":[""]}"#,
        ),
        (
            &format!("--output yaml optionsettings --namespace {proxy}"),
            "ProxyServer: \"none\"\nStaticFiles: [\"\"]",
        ),
        (
            "optionsettings -n aws:elasticbeanstalk:application:environment -o COLOUR",
            "blue",
        ),
        ("container -k proxy_server", "none"),
        ("container -k environment_name", "rehearsal"),
        ("platformconfig -k AppStagingDir", "/var/app/staging/"),
        ("platformconfig -k ApplicationPort", "5000"),
        ("addons", "{}"),
        ("meta", "{}"),
    ] {
        assert_eq!(ask(&engine, words), (Some(0), expected.into()), "{words}");
    }
    let (_, all) = ask(&engine, "optionsettings");
    assert!(
        all.contains(r#""aws:autoscaling:launchconfiguration":{"InstanceType":"t3.micro"}"#),
        "{all}"
    );
    let (_, all) = ask(&engine, "--output YAML platformconfig");
    assert!(
        all.contains("GeneralConfig:\n  AppDeployDir: \"/var/app/current/\"\n"),
        "{all}"
    );
}

#[test]
fn a_question_without_an_answer_fails() {
    let engine = deployed();
    for words in [
        "",
        "no-such-command",
        "environment -k NO",
        "environment -k",
        "environment --no",
        "--output XML environment",
        "optionsettings -n no",
        "optionsettings -n no -o no",
        "addons -a rds -k RDS_HOSTNAME",
        "meta -k sqsdconfig",
    ] {
        let (status, said) = ask(&engine, words);
        assert_eq!(status, Some(1), "{words}");
        assert!(said.starts_with("get-config: "), "{words}: {said}");
    }
}

#[test]
fn a_broken_get_config_still_knows_what_is_no_property() {
    let mut engine = deployed();
    engine.variants = variants::named("broken-get-config").unwrap();
    engine.configure(&[]).outcome.unwrap();
    let (status, said) = ask(&engine, "environment -k COLOUR");
    assert_eq!(
        (status, said.as_str()),
        (Some(1), "get-config: could not parse environment variables")
    );
    assert_eq!(ask(&engine, "platformconfig -k AppUser").1, "webapp");
}
