//! The answers of `get-config`, as files for the model's `get-config`
//! (<https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/custom-platforms-scripts.html>).

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::environment::Properties;
use super::extensions::{Extensions, PROXY};
use super::paths::{CURRENT, STAGING};

const FOLDER: &str = "opt/elasticbeanstalk/config";

/// Writes the environment properties. Without properties, `get-config environment` fails.
pub(super) fn publish_environment(root: &Path, properties: Option<&Properties>) -> io::Result<()> {
    let Some(properties) = properties else {
        return clear(&root.join(FOLDER), "environment");
    };
    publish(root, "environment", &json!(properties))?;
    // A hook may also ask for EB's own variables by name.
    let folder = root.join(FOLDER).join("environment.d");
    for (name, value) in [("PORT", "5000"), ("GOPATH", CURRENT)] {
        if !properties.contains_key(name) {
            fs::write(folder.join(name), value)?;
        }
    }
    Ok(())
}

/// Writes all other answers.
pub(super) fn publish_others(root: &Path, options: Value) -> io::Result<()> {
    let proxy = options[PROXY]["ProxyServer"].clone();
    publish(root, "optionsettings", &options)?;
    publish(root, "container", &container(&proxy))?;
    publish(root, "platformconfig", &platform())?;
    // The environment has no database and is not a worker environment.
    publish(root, "addons", &json!({}))?;
    publish(root, "meta", &json!({}))
}

/// The options that are set, by namespace: EB's defaults, those of the version, and the properties of the environment.
pub(super) fn options(extensions: &Extensions, properties: &Properties) -> Value {
    let mut options = json!({
        PROXY: {"ProxyServer": "nginx", "StaticFiles": [""]},
        "aws:elasticbeanstalk:healthreporting:system": {"SystemType": "enhanced"},
        "aws:elasticbeanstalk:hostmanager": {"LogPublicationControl": "false"},
        flipless_settings::ebextensions::PROPERTIES: {},
    });
    let own = extensions
        .files
        .iter()
        .flat_map(|(_, file)| &file.option_settings);
    for option in own {
        options[&option.namespace][&option.option_name] = json!(option.value);
    }
    for (name, value) in properties {
        options[flipless_settings::ebextensions::PROPERTIES][name] = json!(value);
    }
    options
}

fn container(proxy: &Value) -> Value {
    json!({
        "common_log_list": ["/var/log/eb-engine.log", "/var/log/eb-hooks.log"],
        "default_log_list": ["/var/log/nginx/access.log", "/var/log/nginx/error.log"],
        "environment_name": "rehearsal",
        "instance_port": "80",
        "log_group_name_prefix": "/aws/elasticbeanstalk",
        "proxy_server": proxy,
        "static_files": [""],
        "xray_enabled": "false",
    })
}

fn platform() -> Value {
    json!({
        "GeneralConfig": {
            "AppUser": "webapp",
            "AppDeployDir": format!("{CURRENT}/"),
            "AppStagingDir": format!("{STAGING}/"),
            "ProxyServer": "nginx",
            "DefaultInstancePort": "80",
        },
        "PlatformSpecificConfig": {"ApplicationPort": "5000"},
    })
}

fn publish(root: &Path, category: &str, answer: &Value) -> io::Result<()> {
    let folder = root.join(FOLDER);
    clear(&folder, category)?;
    fs::create_dir_all(&folder)?;
    write(&folder, category, answer)?;
    // No key occurs in both objects, so `get-config` finds a key without the name of its object.
    if category == "platformconfig" {
        for inner in answer.as_object().into_iter().flat_map(Map::values) {
            write_keys(&folder.join("platformconfig.d"), inner)?;
        }
    }
    Ok(())
}

/// Writes an object as JSON and as YAML, and each of its values to a separate file.
fn write(folder: &Path, name: &str, object: &Value) -> io::Result<()> {
    fs::write(folder.join(format!("{name}.json")), format!("{object}\n"))?;
    fs::write(folder.join(format!("{name}.yaml")), yaml(object, 0))?;
    write_keys(&folder.join(format!("{name}.d")), object)
}

fn write_keys(folder: &Path, object: &Value) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (key, value) in object.as_object().into_iter().flatten() {
        let name = key.replace('/', "%2F");
        match value {
            Value::String(text) => fs::write(folder.join(name), text)?,
            Value::Object(_) => write(folder, &name, value)?,
            other => fs::write(folder.join(name), other.to_string())?,
        }
    }
    Ok(())
}

/// Renders objects in YAML's block style, and other values as JSON, which is also YAML.
fn yaml(value: &Value, depth: usize) -> String {
    let Value::Object(object) = value else {
        return format!("{value}\n");
    };
    let lines = object.iter().map(|(key, value)| {
        let begin = format!("{:1$}{key}:", "", depth * 2);
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                format!("{begin}\n{}", yaml(value, depth + 1))
            }
            _ => format!("{begin} {value}\n"),
        }
    });
    lines.collect()
}

fn clear(folder: &Path, category: &str) -> io::Result<()> {
    let removed = [
        fs::remove_dir_all(folder.join(format!("{category}.d"))),
        fs::remove_file(folder.join(format!("{category}.json"))),
        fs::remove_file(folder.join(format!("{category}.yaml"))),
    ];
    removed.into_iter().try_for_each(|removed| match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    })
}
