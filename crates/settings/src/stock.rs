//! Files of EB's platform. `rehearse` models an instance with them, and `check` tests a bundle against them.

/// EB's own files for nginx, by their path below `/etc/nginx`.
pub const NGINX_FILES: &[(&str, &str)] = &[
    ("nginx.conf", include_str!("../stock/nginx/nginx.conf")),
    (
        "conf.d/healthd_logformat.conf",
        include_str!("../stock/nginx/healthd_logformat.conf"),
    ),
    (
        "conf.d/elasticbeanstalk/00_application.conf",
        APPLICATION_CONF,
    ),
    (
        "conf.d/elasticbeanstalk/healthd.conf",
        include_str!("../stock/nginx/healthd.conf"),
    ),
];

/// EB's file that passes requests to the application.
pub const APPLICATION_CONF: &str = include_str!("../stock/nginx/00_application.conf");

/// The distribution's unit for nginx, as on EB's platform.
pub const NGINX_SERVICE: &str = include_str!("../stock/nginx.service");
