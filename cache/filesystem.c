/*
 * filesystem: tables of magic numbers, from linux/magic.h and the file systems' own sources, and of
 * names that FUSE file systems mount under.
 */
#include "cache/filesystem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct kind {
    unsigned long type;
    const char *name;
};

static const struct kind networks[] = {
    {0x00006969, "NFS"},   {0x0000517b, "SMB"},    {0xff534d42, "CIFS"},  {0xfe534d42, "SMB2"},
    {0x01021997, "9p"},    {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"},  {0x00c36400, "Ceph"},
    {0x5346414f, "AFS"},   {0x6b414653, "AFS"},    {0x73757245, "Coda"},  {0x19830326, "BeeGFS"},
    {0x7461636f, "OCFS2"}, {0x01161970, "GFS2"},   {0xaad7aaea, "PanFS"}, {0x786f4256, "vboxsf"},
    {0x013111a8, "IBRIX"}, {0x0000564c, "NCP"},    {0x0bad1dea, "PVFS"},  {0x61636673, "ACFS"},
};

static const struct kind fine_clocks[] = {
    {0x0000ef53, "ext"}, {0x58465342, "xfs"},      {0x9123683e, "btrfs"}, {0xf2f52010, "f2fs"},
    {0x2fc12fc1, "zfs"}, {0xca451a4e, "bcachefs"}, {0x01021994, "tmpfs"}, {0x794c7630, "overlayfs"},
};

static const char *find(const struct kind *kinds, size_t n, unsigned long f_type)
{
    for (size_t i = 0; i < n; i++)
        if (kinds[i].type == (f_type & 0xffffffff)) /* statfs may extend the sign */
            return kinds[i].name;
    return NULL;
}

const char *filesystem_network(unsigned long f_type)
{
    return find(networks, sizeof networks / sizeof *networks, f_type);
}

const char *filesystem_name(unsigned long f_type)
{
    const char *network = filesystem_network(f_type);

    return network ? network : find(fine_clocks, sizeof fine_clocks / sizeof *fine_clocks, f_type);
}

/* Those whose files lie elsewhere. What FUSE puts over a local disk (mergerfs, gocryptfs, …) is not
 * here. */
static const char *const fuse_networks[] = {
    "sshfs",       "rclone",
    "s3fs",        "gcsfuse",
    "goofys",      "glusterfs",
    "ceph-fuse",   "curlftpfs",
    "davfs",       "davfs2",
    "smbnetfs",    "juicefs",
    "mount-s3",    "blobfuse",
    "blobfuse2",   "seaweedfs",
    "lizardfs",    "mfs",
    "moosefs",     "alluxio",
    "cvmfs2",      "google-drive-ocamlfuse",
    "onedriver",   "hdfs",
    "fuse_dfs",    "beegfs",
    "vmhgfs-fuse", "prl_fsd",
    "portal",      "gvfsd-fuse",
    "virtiofs",
};

/* "36 35 98:0 /root /mount options… - fuse.sshfs user@host:/ options" */
const char *filesystem_network_fuse(const char *mountinfo, unsigned major, unsigned minor)
{
    char device[32];

    (void)snprintf(device, sizeof device, " %u:%u ", major, minor);
    for (const char *line = mountinfo; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const size_t n = strcspn(line, "\n");
        const char *at = strstr(line, device), *type = strstr(line, " - ");
        if (!at || at > line + n || !type || type > line + n)
            continue;
        type += 3;
        type += strncmp(type, "fuse.", 5) == 0 ? 5 : 0;
        for (size_t i = 0; i < sizeof fuse_networks / sizeof *fuse_networks; i++) {
            const size_t length = strlen(fuse_networks[i]);
            if (strncmp(type, fuse_networks[i], length) == 0 && type[length] == ' ')
                return fuse_networks[i];
        }
    }
    return NULL;
}

int64_t filesystem_tick_ns(unsigned long f_type)
{
    const bool fine = find(fine_clocks, sizeof fine_clocks / sizeof *fine_clocks, f_type);

    return fine ? INT64_C(10000000) : INT64_C(60000000000);
}
