package host

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// observe fills in what the file system below the folder, or below its nearest parent, says.
func (folder *Folder) observe() {
	path := existing(folder.Path)
	folder.Existing, folder.Type, folder.Denied = path, fileSystem(path), denied(path)
	var disk unix.Statfs_t
	if unix.Statfs(path, &disk) == nil {
		folder.Free = disk.Bavail * uint64(disk.Bsize)
	}
	info, err := os.Stat(path)
	if err != nil {
		return
	}
	stat := info.Sys().(*syscall.Stat_t)
	folder.Device, folder.Owner = stat.Dev, strconv.FormatUint(uint64(stat.Uid), 10)
	if owner, err := user.LookupId(folder.Owner); err == nil {
		folder.Owner = owner.Username
	}
}

// fileSystems are the magic numbers of statfs(2).
var fileSystems = map[int64]string{
	unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs", unix.TMPFS_MAGIC: "tmpfs", unix.OVERLAYFS_SUPER_MAGIC: "overlay",
	unix.NFS_SUPER_MAGIC: "nfs", unix.CIFS_SUPER_MAGIC: "cifs", unix.SMB2_SUPER_MAGIC: "cifs", unix.ECRYPTFS_SUPER_MAGIC: "ecryptfs", unix.FUSE_SUPER_MAGIC: "fuse",
	unix.MSDOS_SUPER_MAGIC: "vfat", unix.V9FS_MAGIC: "9p", unix.F2FS_SUPER_MAGIC: "f2fs", 0x2fc12fc1: "zfs",
}

// fileSystem names the type of a folder's file system.
func fileSystem(path string) string {
	var disk unix.Statfs_t
	if unix.Statfs(path, &disk) != nil {
		return ""
	}
	if name, known := fileSystems[disk.Type]; known {
		return name
	}
	return fmt.Sprintf("%#x", disk.Type)
}
