//! A model of nginx, for the agent's tests of a configuration and for loads by the front.

use std::path::Path;
use std::process::Output;

use flipless_settings::nginx::https::SERVER;

use super::{Model, answer};

impl Model {
    /// Returns whether a test by nginx refuses the configuration in force.
    pub(super) fn refuses(&self, root: &Path) -> bool {
        in_force(root, self.nginx_refuses_with.as_ref())
    }

    pub(super) fn cannot_load(&self, root: &Path) -> bool {
        in_force(root, self.front_fails_with.as_ref())
    }

    /// Tests the configuration as nginx does in the unit `name`. The file of this unit contains the sandbox and the
    /// paths of nginx's files.
    pub(super) fn tested(&mut self, name: &str, root: &Path) -> Output {
        let unit = std::fs::read_to_string(root.join("run/systemd/system").join(name)).unwrap();
        self.tests.push(unit.clone());
        if std::mem::take(&mut self.test_is_killed) {
            return answer(false, "", "Killed");
        }
        let by_eb = unit.contains("-c /var/proxy/staging/nginx/nginx.conf");
        let line = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key));
        let bound = unit.lines().find_map(|line| {
            let folder = line.strip_prefix("BindPaths=")?;
            folder.strip_suffix(":/etc/nginx")
        });
        let folder = match by_eb {
            true => crate::instance::paths::PROXY_STAGING,
            false => bound.unwrap_or("/etc/nginx"),
        };
        let folder = root.join(&folder[1..]).join("conf.d");
        let refused = |name: &Option<String>| {
            let name = name.as_ref();
            name.is_some_and(|name| folder.join(name).exists())
        };
        let put = |kind: &str, text: &str| {
            let path = line(&format!("Standard{kind}=file:")).unwrap();
            std::fs::write(root.join(&path[1..]), text).unwrap();
        };
        if self.nginx_refuses {
            put("Error", "unexpected \"}\" in nginx.conf:3");
        } else if refused(&self.nginx_refuses_with)
            || by_eb && refused(&self.eb_refuses_with)
            || line("ProtectHome=").is_some() && refused(&self.sandbox_refuses_with)
        {
            put("Error", "host not found in upstream \"flipless_app\"");
        } else {
            let listens = self.listens.as_deref().unwrap_or("listen 80;");
            let mut text = format!("http {{ server {{ {listens} }} }}");
            if self.has_processes && bound.is_none() {
                text = std::fs::read_to_string(root.join("etc/nginx/nginx.conf")).unwrap();
            }
            let mut dump = format!("# configuration file /etc/nginx/nginx.conf:\n{text}\n");
            if let Ok(https) = std::fs::read_to_string(folder.join("zz-flipless-https.conf")) {
                dump += &format!("# configuration file /etc/nginx/{SERVER}:\n{https}");
            }
            put("Output", &dump);
            return answer(true, "", "");
        }
        answer(false, "", "Job failed.")
    }
}

fn in_force(root: &Path, name: Option<&String>) -> bool {
    name.is_some_and(|name| root.join("etc/nginx/conf.d").join(name).exists())
}
