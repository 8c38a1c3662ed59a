//! An instance with the project's bundle, booted in a container by the package `rehearse`.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use rehearse::bundle::{Changes, changed};
use rehearse::clock::Clock;
use rehearse::engine::{Deployment, Engine, Properties, variants};
use rehearse::image::{Image, Suite};
use rehearse::load::{Load, Namespace, Plan};
use rehearse::machine::{Command, Instance as _, Machine};
use rehearse::requirements;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::context::{Context, workspace};
use crate::row::Trouble;

/// The suite whose nginx is nearest to EB's. Its systemd records when it executes a program. An older systemd does not.
const SUITE: Suite = Suite::Forky;

/// A folder on the instance for files of the bench.
pub const FOLDER: &str = "/run/bench";

/// A file of a bundle: path, text and mode.
pub type File = (&'static str, &'static str, u32);

/// A booted instance.
pub struct Instance<'a> {
    engine: Engine<Machine>,
    clock: Clock,
    context: &'a Context,
    /// The files that each deployed bundle has in addition to the files of the project's bundle.
    files: &'a [File],
    deployments: u32,
}

impl<'a> Instance<'a> {
    /// Boots an instance. Builds its image if this machine does not have the image yet.
    ///
    /// # Errors
    /// [`Trouble::Missing`] if this machine can't boot an instance.
    pub fn boot(context: &'a Context, files: &'a [File]) -> Result<Self, Trouble> {
        requirements::check(true)
            .map_err(|missing| Trouble::Missing(format!("an instance: {missing}")))?;
        let store = workspace().join("target/rehearse");
        let image = Image::with_packages(SUITE, &[], &store.join("images"));
        let image = image.context("cannot build the image of an instance")?;
        let machine = Machine::boot(&image, &store.join("machines"));
        let machine = machine.context("cannot boot an instance")?;
        let clock = Clock::start();
        let instance = Self {
            engine: Engine::new(machine, variants::STANDARD, clock),
            clock,
            context,
            files,
            deployments: 0,
        };
        instance.run(&format!("mkdir {FOLDER}"))?;
        Ok(instance)
    }

    /// Deploys another version of the project's bundle, as EB does. The deployment's times are those of [`Self::now`].
    ///
    /// # Errors
    /// If the deployment fails.
    pub fn deploy(&mut self) -> anyhow::Result<Deployment> {
        self.deployments += 1;
        let version = self.deployments.to_string();
        let zip = self.context.scratch.path().join("version.zip");
        let files = self.files.to_vec();
        let changes = Changes {
            files: &[&files[..], &[("VERSION", &version, 0o644)]].concat(),
            ..Changes::default()
        };
        changed(self.context.bundle()?, &zip, &changes)?;
        let deployment = match self.deployments {
            1 => self.engine.create_environment(&zip, Properties::new()),
            _ => self.engine.deploy(&zip),
        };
        match deployment.outcome {
            Ok(()) => Ok(deployment),
            Err(error) => Err(error).context("a deployment failed"),
        }
    }

    /// Starts clients in the instance's network namespace. The times of their records are those of [`Self::now`].
    ///
    /// # Errors
    /// If the clients can't start.
    pub fn load(&self, plan: Plan) -> anyhow::Result<Load> {
        let leader = self.engine.instance().leader().as_raw_nonzero().get();
        let namespace = Namespace::of(leader.unsigned_abs())?;
        Ok(Load::start(plan, namespace, self.clock.zero())?)
    }

    /// Returns the time on the clock that starts when the instance has booted.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Runs a line with the shell, and returns the line's standard output.
    ///
    /// # Errors
    /// If the line fails.
    pub fn run(&self, line: &str) -> anyhow::Result<String> {
        let output = self.engine.instance().run(&Command::shell(line))?;
        ensure!(output.succeeded(), "`{line}` failed: {}", output.text());
        Ok(output.stdout.trim().to_owned())
    }

    /// Returns the name of the server's only run.
    ///
    /// # Errors
    /// If no run is active.
    pub fn run_of_server(&self) -> anyhow::Result<String> {
        let units = self.run("systemctl list-units --plain --no-legend --full 'flipless-app@*'")?;
        let unit = units.split_whitespace().next().unwrap_or_default();
        let run = flipless_settings::layout::run_of_unit(unit);
        Ok(run.context("no run of the server is active")?.to_owned())
    }

    /// Returns the path of an instance's file on this machine.
    pub fn path(&self, path: &str) -> PathBuf {
        let root = self.engine.instance().root();
        root.join(path.trim_start_matches('/'))
    }

    /// Reads a text file of the instance.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(&self, path: &str) -> anyhow::Result<String> {
        let text = fs::read_to_string(self.path(path));
        text.with_context(|| format!("cannot read {path} of the instance"))
    }

    /// Writes an executable file on the instance.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &str, text: &str) -> anyhow::Result<()> {
        let file = self.path(path);
        fs::write(&file, text)
            .and_then(|()| fs::set_permissions(&file, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot write {path} of the instance"))
    }

    /// Runs `clients` in a new thread in the instance's network namespace, and returns the result of `clients`. The
    /// threads that `clients` starts are in this namespace, too.
    ///
    /// # Errors
    /// If the thread can't enter the network, or `clients` fails.
    pub fn inside<T: Send>(
        &self,
        clients: impl FnOnce() -> anyhow::Result<T> + Send,
    ) -> anyhow::Result<T> {
        let network = self.engine.instance().network()?;
        let enter = move || {
            // A new thread has the namespaces of the thread that starts it (clone(2)).
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(network.as_fd(), kind)?;
            clients()
        };
        let ended = thread::scope(|scope| scope.spawn(enter).join());
        ended.unwrap_or_else(|_| Err(anyhow!("a client panicked")))
    }
}
