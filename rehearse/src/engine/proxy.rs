//! nginx: staging its configuration, stopping it and starting it.

use flipless_settings::layout::NGINX;
use flipless_settings::stock::NGINX_FILES;

use super::extensions::{PROXY, STATIC_FILES};
use super::paths::{CURRENT, STAGING};
use super::variants::{Polling, ProxyPid};
use super::{Engine, Step};
use crate::machine::Instance;

const STAGED: &str = "/var/proxy/staging/nginx";
const DROP_INS: &str = "/etc/systemd/system/nginx.service.d";
/// The drop-in that registers nginx with EB.
const DROP_IN: &str = "/etc/systemd/system/nginx.service.d/elasticbeanstalk.conf";

impl<I: Instance> Engine<I> {
    /// Stages EB's own files, and copies the bundle's files over them.
    pub(super) fn stage_proxy(&mut self) -> Step {
        self.remove(STAGED)?;
        for (path, text) in NGINX_FILES {
            self.write(&format!("{STAGED}/{path}"), text)?;
        }
        self.stage_static_files()?;
        if self.path(STAGING).join(".platform/nginx").is_dir() {
            self.command(&format!("cp -rp {STAGING}/.platform/nginx/. {STAGED}"))?;
        }
        Ok(())
    }

    /// Configures the folders of the application that nginx serves itself.
    fn stage_static_files(&mut self) -> Step {
        let folders = self.extensions.options(STATIC_FILES);
        if folders.is_empty() {
            return Ok(());
        }
        let location = |(path, folder): (&String, &String)| {
            let folder = folder.trim_start_matches('/');
            format!("location {path} {{\n    alias {CURRENT}/{folder};\n    access_log off;\n}}\n")
        };
        let text: String = folders.iter().map(location).collect();
        let file = format!("{STAGED}/conf.d/elasticbeanstalk/01_static.conf");
        self.write(&file, &text)
    }

    fn has_proxy(&self) -> bool {
        let options = self.extensions.options(PROXY);
        options.get("ProxyServer").is_none_or(|name| name != "none")
    }

    pub(super) fn stop_proxy(&mut self) -> Step {
        self.deregister("httpd.service", &[], false)?;
        self.deregister_nginx(self.variants.polling == Polling::Always)
    }

    fn deregister_nginx(&mut self, polls: bool) -> Step {
        let files = if self.variants.wipes_drop_ins {
            DROP_INS
        } else {
            DROP_IN
        };
        self.deregister(NGINX, &[files], polls)
    }

    pub(super) fn start_proxy(&mut self) -> Step {
        if !self.has_proxy() {
            return self.info("The environment has no proxy server");
        }
        // EB tests the configuration only here, after it has stopped nginx.
        self.command(&format!("/usr/sbin/nginx -t -c {STAGED}/nginx.conf"))?;
        self.command(&format!("cp -rp {STAGED}/* /etc/nginx"))?;
        if self.variants.leaves_active_proxy && self.is_active(NGINX)? {
            return self.info("nginx is running already");
        }
        if self.is_registered(NGINX)? {
            self.deregister_nginx(false)?;
        }
        self.write(DROP_IN, &self.drop_in())?;
        self.command("systemctl daemon-reload")?;
        self.command("systemctl reset-failed")?;
        self.start_process(NGINX)
    }

    fn drop_in(&self) -> String {
        let mut text = "[Unit]\nPartOf=aws-eb.target\n".to_owned();
        if self.variants.proxy_pid == ProxyPid::VarPids {
            text += "\n[Service]\nExecStartPost=/bin/sh -c \"systemctl show -p MainPID nginx.service | cut -d= -f2 > /var/pids/nginx.pid\"\n";
        }
        text
    }
}
