//! The configuration files in `.ebextensions` of a bundle. EB reads these files before it changes any instance.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flipless_settings::ebextensions::{self, ConfigFile, OptionSetting, PROPERTIES};
use zip::ZipArchive;

use super::environment::Properties;
use super::error::EngineError;

/// The namespace of the proxy's options.
pub(super) const PROXY: &str = "aws:elasticbeanstalk:environment:proxy";
/// The namespace of the folders that nginx serves itself.
pub(super) const STATIC_FILES: &str = "aws:elasticbeanstalk:environment:proxy:staticfiles";

/// The configuration files of one version, in the order of their names.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    pub(super) files: Vec<(String, ConfigFile)>,
}

impl Extensions {
    /// Reads the configuration files of a bundle.
    pub(super) fn read(bundle: &Path) -> Result<Self, EngineError> {
        let refused = |reason: String| EngineError::Refused(reason);
        let no_zip = |error: &dyn std::fmt::Display| {
            refused(format!(
                "{} is not a source bundle: {error}",
                bundle.display()
            ))
        };
        let file =
            File::open(bundle).map_err(|error| EngineError::Instance(bundle.into(), error))?;
        let mut archive = ZipArchive::new(file).map_err(|error| no_zip(&error))?;
        let mut files = Vec::new();
        for (path, text) in texts(&mut archive).map_err(|error| no_zip(&error))? {
            let parsed = ebextensions::parse(&text).map_err(|error| {
                refused(format!(
                    "the configuration file {path} is neither YAML nor JSON: {error}"
                ))
            })?;
            files.push((path, parsed));
        }
        files.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Self { files })
    }

    /// The options of a namespace. The last file takes precedence.
    pub(super) fn options(&self, namespace: &str) -> Properties {
        let all = self
            .files
            .iter()
            .flat_map(|(_, file)| &file.option_settings);
        let named = all.filter(|option| option.namespace == namespace);
        named
            .map(|option| (option.option_name.clone(), option.value.clone()))
            .collect()
    }

    /// The parts that the model does not carry out.
    pub(super) fn left_out(&self) -> Vec<String> {
        let mut left_out = Vec::new();
        for (path, file) in &self.files {
            let sections = file.others.iter();
            left_out.extend(sections.map(|name| format!("`{name}` in {path}")));
            let options = file
                .option_settings
                .iter()
                .filter(|option| !is_modelled(option));
            left_out.extend(options.map(|option| {
                let OptionSetting {
                    namespace,
                    option_name,
                    ..
                } = option;
                format!("the option {option_name} of {namespace}")
            }));
        }
        left_out
    }
}

fn is_modelled(option: &OptionSetting) -> bool {
    match option.namespace.as_str() {
        PROPERTIES | STATIC_FILES => true,
        PROXY => {
            option.option_name == "ProxyServer" && matches!(option.value.as_str(), "nginx" | "none")
        }
        _ => false,
    }
}

/// Returns the path and the text of each configuration file.
fn texts(archive: &mut ZipArchive<File>) -> io::Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let path = entry.name()?.into_owned();
        if ebextensions::is_config_file(&path) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            texts.push((path, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    Ok(texts)
}
