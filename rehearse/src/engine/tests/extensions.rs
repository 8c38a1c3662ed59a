//! Configuration files of `.ebextensions`: EB refuses a file, or carries out its sections in a fixed order.

use std::fs;

use super::super::*;
use super::fake::{Fake, bundle, bundle_with, created, engine};
use crate::machine::Command;

/// The instance after a bundle with this configuration file was deployed.
fn deployed(text: &str) -> Engine<Fake> {
    let mut engine = engine(Fake::new(), variants::STANDARD);
    let bundle = bundle_with(&[(".ebextensions/10-a.config", text)]);
    let properties = Properties::from([("OWN".into(), "1".into())]);
    engine
        .create_environment(bundle.path(), properties)
        .outcome
        .unwrap();
    engine
}

/// The command whose last word contains `part`, and its position among all commands.
fn ran(engine: &Engine<Fake>, part: &str) -> (usize, Command) {
    let ran = engine.instance.ran.borrow();
    let found = ran
        .iter()
        .position(|command| command.words.iter().any(|word| word.contains(part)));
    let place = found.unwrap_or_else(|| panic!("{part} did not run: {ran:?}"));
    (place, ran[place].clone())
}

fn value<'a>(command: &'a Command, name: &str) -> Option<&'a str> {
    let found = command.environment.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

#[test]
fn a_version_with_a_file_that_is_no_yaml_is_refused_before_anything_runs() {
    let mut engine = created(variants::STANDARD);
    engine.instance.ran.borrow_mut().clear();
    let text =
        "option_settings:\n\taws:elasticbeanstalk:environment:proxy:\n\t\tProxyServer: none\n";
    let bundle = bundle_with(&[(".ebextensions/10-proxy.config", text)]);
    let error = engine
        .deploy(bundle.path())
        .outcome
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("the configuration file .ebextensions/10-proxy.config is neither YAML nor JSON: line 2, column 2: tabs"),
        "{error}"
    );
    assert!(engine.instance.ran.borrow().is_empty());
    engine.deploy(super::fake::bundle().path()).outcome.unwrap();
}

#[test]
fn a_file_that_is_no_zip_is_refused() {
    let mut engine = created(variants::STANDARD);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "x").unwrap();
    let error = engine.deploy(file.path()).outcome.unwrap_err();
    assert!(matches!(error, EngineError::Refused(..)), "{error}");
}

#[test]
fn files_and_commands_come_before_the_staging_and_container_commands_after_it() {
    let engine = deployed(
        "container_commands:\n  01_migrate: {command: migrate}\ncommands:\n  b: {command: second}\n  a: {command: first}\n\
         files:\n  /etc/a.conf: {content: text}\n",
    );
    let places = [
        "/etc/a.conf",
        "first",
        "second",
        "unzip",
        "migrate",
        "10-a.sh",
    ]
    .map(|part| ran(&engine, part).0);
    assert!(places.is_sorted(), "{places:?}");
    let proxied = engine.history().instructions.iter();
    let names: Vec<_> = proxied
        .map(|instruction| instruction.name.as_str())
        .collect();
    let order = [
        "PreBuildEbExtension",
        "StageApplication",
        "configure proxy Nginx",
        "PostBuildEbExtension",
        "RunAppDeployPreDeployHooks",
    ];
    let order = order.map(|name| names.iter().position(|known| *known == name).unwrap());
    assert!(order.is_sorted(), "{names:?}");
}

#[test]
fn commands_have_their_folder_and_environment() {
    let engine = deployed(
        "commands:\n  a: {command: first, env: {X: 1}}\n  b: {command: [second, x y], cwd: /tmp}\n\
         container_commands:\n  c: {command: third}\n",
    );
    let first = ran(&engine, "first").1;
    assert_eq!(
        (
            first.folder.as_str(),
            value(&first, "X"),
            value(&first, "OWN")
        ),
        ("/", Some("1"), None)
    );
    let second = ran(&engine, "second").1;
    assert_eq!(
        (second.folder.as_str(), second.words),
        ("/tmp", vec!["second".into(), "x y".into()])
    );
    let third = ran(&engine, "third").1;
    assert_eq!(
        (third.folder.as_str(), value(&third, "OWN")),
        ("/var/app/staging", Some("1"))
    );
}

#[test]
fn a_command_replaces_the_usual_environment_and_a_container_command_adds_to_it() {
    let engine = deployed(
        "commands:\n  a: {command: first, env: {X: 1}}\n  b: {command: second}\n\
         container_commands:\n  c: {command: third, env: {OWN: 2}}\n",
    );
    let first = ran(&engine, "first").1;
    assert_eq!(
        (value(&first, "X"), value(&first, "PATH")),
        (Some("1"), None)
    );
    assert!(value(&ran(&engine, "second").1, "PATH").is_some());
    let third = ran(&engine, "third").1;
    assert_eq!(value(&third, "OWN"), Some("2"));
    assert!(value(&third, "PATH").is_some());
}

#[test]
fn a_failed_command_ends_the_deployment_unless_it_may_fail() {
    let deploy = |text: &str| {
        let mut fake = Fake::new();
        fake.failing.push("broken".into());
        let mut engine = engine(fake, variants::STANDARD);
        let bundle = bundle_with(&[(".ebextensions/10-a.config", text)]);
        engine
            .create_environment(bundle.path(), Properties::new())
            .outcome
    };
    let error = deploy("commands:\n  01_x: {command: broken}\n")
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "the command 01_x of .ebextensions failed with exit status 1: no"
    );
    deploy("commands:\n  01_x: {command: broken, ignoreErrors: true}\n").unwrap();
    deploy("commands:\n  01_x: {command: other, test: broken}\n").unwrap();
    deploy("container_commands:\n  01_x: {command: broken}\n").unwrap_err();
}

#[test]
fn properties_of_the_environment_take_precedence_over_those_of_the_version() {
    let text = "option_settings:\n  aws:elasticbeanstalk:application:environment:\n    OWN: 2\n    MORE: 3\n";
    let mut engine = deployed(text);
    let hook = ran(&engine, "10-a.sh").1;
    assert_eq!(
        (value(&hook, "OWN"), value(&hook, "MORE")),
        (Some("1"), Some("3"))
    );
    let file = fs::read_to_string(engine.path(environment::FILE)).unwrap();
    assert!(file.contains("MORE=\"3\"\n"), "{file}");
    engine.configure(&[("OWN", None)]).outcome.unwrap();
    let file = fs::read_to_string(engine.path(environment::FILE)).unwrap();
    assert!(file.contains("OWN=\"2\"\n"), "{file}");
    engine.deploy(bundle().path()).outcome.unwrap();
    let file = fs::read_to_string(engine.path(environment::FILE)).unwrap();
    assert!(!file.contains("OWN") && !file.contains("MORE"), "{file}");
}

#[test]
fn the_proxy_may_be_none_or_serve_files() {
    let namespace = "option_settings:\n  aws:elasticbeanstalk:environment:proxy";
    let mut engine = deployed(&format!("{namespace}:\n    ProxyServer: none\n"));
    assert!(!engine.instance.active.borrow().contains("nginx.service"));
    engine.deploy(bundle().path()).outcome.unwrap();
    assert!(engine.instance.active.borrow().contains("nginx.service"));
    let engine = deployed(&format!(
        "{namespace}:staticfiles:\n    /html: static/html\n"
    ));
    let text = fs::read_to_string(
        engine.path("/var/proxy/staging/nginx/conf.d/elasticbeanstalk/01_static.conf"),
    );
    let text = text.unwrap();
    assert!(
        text.contains("location /html {\n    alias /var/app/current/static/html;\n"),
        "{text}"
    );
}

#[test]
fn the_history_lists_the_parts_that_the_model_leaves_out() {
    let engine = deployed(
        "packages: {yum: {git: []}}\nfiles:\n  /a: {source: 'https://x'}\n\
         option_settings:\n  aws:autoscaling:launchconfiguration: {InstanceType: t3.micro}\n",
    );
    let expected = [
        "`packages` in .ebextensions/10-a.config",
        "the file /a, which is downloaded",
        "the option InstanceType of aws:autoscaling:launchconfiguration",
    ];
    let (_, placed) = ran(&engine, "--packages");
    assert_eq!(placed.words[2..], ["git"]);
    let mut said = engine.history().left_out.clone();
    said.sort();
    assert_eq!(said, expected);
}
