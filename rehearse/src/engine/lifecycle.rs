//! The commands that EB receives, and the instructions of each command.

use std::path::Path;
use std::sync::Arc;

use flipless_settings::layout;

use super::deployment::{Deployment, Kind};
use super::environment::Properties;
use super::error::EngineError;
use super::extensions::Extensions;
use super::{Engine, Step, paths};
use crate::machine::Instance;

impl<I: Instance> Engine<I> {
    /// Launches the environment: the first application deployment on a new instance.
    pub fn create_environment(&mut self, bundle: &Path, properties: Properties) -> Deployment {
        self.properties = properties;
        self.deploy_version(Kind::Create, bundle)
    }

    /// Deploys an application version.
    pub fn deploy(&mut self, bundle: &Path) -> Deployment {
        self.deploy_version(Kind::Application, bundle)
    }

    /// Deploys `bundle`. If EB can't read the bundle's configuration files, EB refuses the version before it changes
    /// any instance.
    fn deploy_version(&mut self, kind: Kind, bundle: &Path) -> Deployment {
        match Extensions::read(bundle) {
            Ok(extensions) => self.extensions = Arc::new(extensions),
            Err(error) => return self.refuse(kind, error),
        }
        self.execute(kind, |engine| {
            engine.instruction("GetBundle", |engine| engine.download(bundle))?;
            engine.run_deployment("hooks")
        })
    }

    /// Sets environment properties, or removes them (`None`). Stages the stored bundle again, and flips.
    pub fn configure(&mut self, changes: &[(&str, Option<&str>)]) -> Deployment {
        for (name, value) in changes {
            match value {
                Some(value) => self
                    .properties
                    .insert((*name).to_owned(), (*value).to_owned()),
                None => self.properties.remove(*name),
            };
        }
        self.execute(Kind::Configuration, |engine| {
            let stored = engine.path(paths::BUNDLE);
            if !stored.exists() {
                return Err(EngineError::NoBundle);
            }
            engine.run_deployment("confighooks")
        })
    }

    /// "Restart app server(s)".
    pub fn restart_app_server(&mut self) -> Deployment {
        self.execute(Kind::Restart, |engine| {
            let proxy = engine.variants.restarts_proxy;
            if proxy {
                engine.instruction("stop proxy", |engine| engine.stop_process(layout::NGINX))?;
            }
            engine.instruction("RestartApplication", Self::restart_application)?;
            if proxy {
                engine.instruction("start proxy", |engine| engine.start_process(layout::NGINX))?;
            }
            engine.instruction("Track pids in healthd", Self::track_pids)
        })
    }

    /// The instructions that application and configuration deployments share.
    pub(super) fn run_deployment(&mut self, tree: &str) -> Step {
        self.instruction("PreBuildEbExtension", Self::run_prebuild)?;
        self.instruction("StageApplication", Self::recreate_staging)?;
        let hooks = |folder: &str| format!(".platform/{tree}/{folder}");
        self.instruction("RunAppDeployPreBuildHooks", |engine| {
            engine.run_hooks(&hooks("prebuild"), paths::STAGING)
        })?;
        self.instruction("Golang Specific Build Application", Self::check_procfile)?;
        self.instruction("configure proxy Nginx", Self::stage_proxy)?;
        self.instruction("PostBuildEbExtension", Self::run_container_commands)?;
        self.instruction("RunAppDeployPreDeployHooks", |engine| {
            engine.run_hooks(&hooks("predeploy"), paths::STAGING)
        })?;
        self.instruction("stop X-Ray", Self::stop_xray)?;
        self.instruction("stop proxy", Self::stop_proxy)?;
        self.instruction("FlipApplication", Self::flip_application)?;
        self.instruction("start proxy with new configuration", Self::start_proxy)?;
        self.instruction("Track pids in healthd", Self::track_pids)?;
        self.instruction("RunAppDeployPostDeployHooks", |engine| {
            engine.run_hooks(&hooks("postdeploy"), paths::CURRENT)
        })
    }
}
