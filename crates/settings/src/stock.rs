//! What EB's platform brings by itself: `rehearse` models it, `check` judges a bundle by it.

/// EB's own proxy files, by their path below nginx's folder.
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

/// The distribution's unit of nginx, as EB's platform has it.
pub const NGINX_SERVICE: &str = include_str!("../stock/nginx.service");
