//! The access control list of a folder (acl(5)). With it, a group other than the folder's own group can write.

use std::io;
use std::path::Path;

use rustix::fs::{XattrFlags, removexattr, setxattr};
use rustix::io::Errno;

use super::system::System;

/// The extended attribute with the list.
const NAME: &str = "system.posix_acl_access";
/// The version of the attribute's format, and the tags of the list's entries (posix_acl_xattr.h of Linux).
const VERSION: u32 = 2;
const OWNER: u16 = 0x01;
const OWN_GROUP: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHERS: u16 = 0x20;
/// The id in an entry that names neither a user nor a group.
const NO_ID: u32 = u32::MAX;
const ALL: u16 = 7;
const READ: u16 = 5;

/// Lets the owner and this `group` write to the folder, and all others read it.
pub fn let_write(system: &System, folder: &Path, group: u32) -> io::Result<()> {
    let entries = [
        (OWNER, ALL, NO_ID),
        (OWN_GROUP, READ, NO_ID),
        (GROUP, ALL, group),
        (MASK, ALL, NO_ID),
        (OTHERS, READ, NO_ID),
    ];
    let mut list = VERSION.to_le_bytes().to_vec();
    for (tag, rights, id) in entries {
        list.extend(tag.to_le_bytes());
        list.extend(rights.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    let place = system.locate(folder);
    system.change("set a list", folder, || {
        Ok(setxattr(&place, NAME, &list, XattrFlags::empty())?)
    })
}

/// Removes the list. Ignores a missing list, and a file system without lists.
pub fn remove(system: &System, folder: &Path) -> io::Result<()> {
    let place = system.locate(folder);
    system.change("remove a list", folder, || {
        match removexattr(&place, NAME) {
            Err(Errno::NODATA | Errno::NOTSUP) => Ok(()),
            other => Ok(other?),
        }
    })
}
