package host

// Facts are what was observed of a machine. They are a plain value: Judge needs nothing else.
type Facts struct {
	// GOOS and GOARCH are those that this program was built for.
	GOOS, GOARCH string
	Distribution Distribution
	// Virtual names what kind of container or WSL this is ("WSL2", "docker"); empty on a machine or VM.
	Virtual string
	User    User
	Go      Go
	// WantGo is the content of .go-version, such as "1.26.8".
	WantGo string
	// Cores is the number of processors that may be used.
	Cores int
	// MemAvailable and MemTotal in bytes, see proc_meminfo(5). 0 is unknown.
	MemAvailable, MemTotal uint64
	Cgroup                 Cgroup
	// Systemd is true where systemd runs as PID 1.
	Systemd bool
	Kernel  Kernel
	// SELinux is true where it enforces.
	SELinux  bool
	Packages Packages
	// Beside lists what else runs containers here; it is not touched.
	Beside  []string
	Folders []Folder
	// State is the absolute path of the cluster's state folder.
	State string
	// TempType is the file system type of the folder for temporary files.
	TempType string
	Ports    []Port
	// Clusters are the clusters of this project that run already, by state folder.
	Clusters  []Cluster
	Downloads []Download
}

// Distribution is what os-release(5) says.
type Distribution struct {
	// ID is such as "debian".
	ID string
	// Version is such as "12"; it is empty for Debian testing and unstable.
	Version string
	// Pretty is the name for people.
	Pretty string
	// Apt is true where apt-get and dpkg are installed.
	Apt bool
}

// User is whose process this is.
type User struct {
	Name, Home string
	UID        int
	Sudo       Sudo
	// HomeWritable is true where the user may write to the home folder.
	HomeWritable bool
}

// Sudo says how root's rights are had.
type Sudo string

// The ways to root's rights.
const (
	// SudoNotNeeded is root itself, or a program that a process of root serves.
	SudoNotNeeded Sudo = "not needed"
	// SudoFree works without a password.
	SudoFree Sudo = "without a password"
	// SudoAsks needs the user's password.
	SudoAsks Sudo = "asks for your password"
	// SudoRefuses says that this user may not.
	SudoRefuses Sudo = "refuses"
	// SudoMissing is not installed.
	SudoMissing Sudo = "not installed"
)

// Go is the user's Go.
type Go struct {
	// Path of the go command; empty if none was found.
	Path string
	// OnPath is true where PATH leads to it.
	OnPath bool
	// Version is such as "1.26.8", without the toolchain that it may fetch.
	Version string
	// Toolchain, Proxy and SumDB are GOTOOLCHAIN, GOPROXY and GOSUMDB of `go env`.
	Toolchain, Proxy, SumDB string
	// BuildCache and ModuleCache are GOCACHE and GOMODCACHE of `go env`.
	BuildCache, ModuleCache string
}

// Cgroup is how control groups are mounted, see cgroups(7).
type Cgroup struct {
	// Version is "v1", "hybrid" or "v2"; empty if there is none.
	Version string
	// Controllers by their names in version 2; version 1's blkio is io.
	Controllers []string
}

// Kernel is what the running kernel can do.
type Kernel struct {
	Release string
	// Known is false where no list of modules could be read (in most containers).
	Known bool
	// Replaced is true where other kernels' modules are installed and the running one's are not.
	Replaced bool
	// Missing are features of neededFeatures that are neither built in nor modules.
	Missing []string
}

// Packages is the state of dpkg.
type Packages struct {
	// Missing are wanted packages whose status is not "install ok installed".
	Missing []string
	// Broken is the output of dpkg --audit; empty if all is well.
	Broken string
	// LockedBy is the process that holds dpkg's lock, 0 if none does.
	LockedBy int
}

// Folder is a folder that will be filled.
type Folder struct {
	// Name is what it is for, such as "artifact cache".
	Name, Path string
	// Need in bytes is how much will be added to it.
	Need uint64
	// Free in bytes of its file system, which Device identifies.
	Free, Device uint64
	// Type is the file system's: "ext4", "tmpfs", or a hexadecimal number.
	Type string
	// Denied is true where the user may not write to Existing, the folder or its
	// nearest parent that exists. Owner is whose that is.
	Denied          bool
	Existing, Owner string
}

// Port is a TCP port on 127.0.0.1 that the cluster wants.
type Port struct {
	// Name is what it is for; Variable is what `make up` takes another number from.
	Name     string
	Number   int
	Variable string
	// Err says why it can't be had; empty if it was bound.
	Err string
	// Holder is the process that holds it, such as "docker-proxy (process 12)"; empty if it is unknown.
	Holder string
}

// Cluster is a cluster of this project that runs.
type Cluster struct {
	State string
	PID   int
}

// Download is a place that files are still needed from.
type Download struct {
	Kind Kind
	// Host is the server's name; no part of the address that may hold a password.
	Host string
	// Err says why it did not answer; empty if it did.
	Err string
	// Late is true where nothing came in time, which a slow line may do, too.
	Late bool
}

// Kind is a kind of server.
type Kind string

// The kinds of servers that something is fetched from.
const (
	GoModules     Kind = "Go module proxy"
	GoChecksums   Kind = "Go checksum database"
	DebianArchive Kind = "Debian archive"
	PythonIndex   Kind = "Python package index"
)

// Wants say what to look at.
type Wants struct {
	// Root is the folder that system files are read below; "/" if empty. Tests give another.
	Root string
	// GoVersion is the content of .go-version.
	GoVersion string
	// Served is true where a process of root runs this process's commands already.
	Served bool
	// State is the absolute path of the cluster's state folder.
	State string
	// Folders need Name, Path and Need. Those of Go's caches are added by their needs below.
	Folders []Folder
	// ArtifactNeed in bytes is what the cache of artifacts will grow by.
	ArtifactNeed uint64
	// BuildCacheNeed and ModuleCacheNeed in bytes are what Go's caches will grow by.
	BuildCacheNeed, ModuleCacheNeed uint64
	// Ports as Bind answered them.
	Ports []Port
	// Packages are Debian packages that the host needs.
	Packages []string
	// States are state folders of clusters that may run.
	States []string
	// Downloads are the kinds of servers from which something is still missing.
	Downloads []Kind
}

// GB is 2^30 bytes.
const GB = 1 << 30

// BuildParallelism is how many compile jobs the machine can hold: one a core, and 2 GB of memory for each.
func (f Facts) BuildParallelism() int {
	if f.MemAvailable == 0 {
		return max(1, f.Cores)
	}
	return max(1, min(f.Cores, int(f.MemAvailable/(2*GB))))
}
