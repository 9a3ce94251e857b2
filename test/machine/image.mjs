/** Builds the disk of the virtual machine: a Debian system with the package under test and an agent. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));

const PACKAGES = [
  'linux-image-amd64,initramfs-tools,kmod,systemd,systemd-sysv,udev,dbus,netbase,procps,iproute2,iputils-ping',
  'nodejs,network-manager,modemmanager,ifupdown,dhcpcd-base,usbutils',
].join(',');

/** Units that only use the processor. */
const NOISE = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'fstrim.timer',
];

/**
 * Answers each line, a number and shell commands in base64, with the number, the output in base64, and the exit status.
 */
const AGENT = `port=/dev/virtio-ports/agent
until [ -e $port ]; do sleep 0.2; done
exec <>$port >&0
while read -r number script; do
  sh -c "$(echo "$script" | base64 -d)" >/run/agent.out 2>&1 </dev/null
  echo "answer $number $? $(base64 -w0 /run/agent.out)"
done`;

const AGENT_UNIT = `[Unit]
Description=Commands over a virtio port
[Service]
ExecStart=/bin/bash /root/agent
Restart=always
[Install]
WantedBy=multi-user.target
`;

/** @returns the folder with the unpacked packages, which is kept for later runs with the same packages */
export function debian(suite) {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const packages = createHash('sha256').update(PACKAGES).digest('hex').slice(0, 8);
  const root = join(cache, 'multihomed-machine', `${suite}-${packages}`);
  if (existsSync(root)) return root;
  mkdirSync(join(root, '..'), { recursive: true });
  const made = mkdtempSync(`${root}-`);
  execFileSync('mmdebstrap', ['--variant=minbase', `--include=${PACKAGES}`, suite, made], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  renameSync(made, root);
  return root;
}

/**
 * @param {string} deb the package under test
 * @param {string} work a folder for this run
 * @returns {{ linux: string, initrd: string, disk: string }}
 */
export function image(suite, deb, work) {
  const root = join(work, 'root');
  execFileSync('cp', ['-a', '--reflink=auto', debian(suite), root]);
  const boot = readdirSync(join(root, 'boot'));
  const kernel = (name) =>
    join(
      root,
      'boot',
      boot.find((each) => each.startsWith(name)),
    );
  for (const name of ['vmlinuz', 'initrd.img']) cpSync(kernel(name), join(work, name));
  cpSync(deb, join(root, 'root/multihomed.deb'));
  cpSync(join(here, 'talk.cjs'), join(root, 'root/talk.cjs'));
  writeFileSync(join(root, 'root/agent'), AGENT);
  writeFileSync(join(root, 'etc/systemd/system/agent.service'), AGENT_UNIT);
  symlinkSync('../agent.service', join(root, 'etc/systemd/system/multi-user.target.wants/agent.service'));
  execFileSync('systemctl', [`--root=${root}`, 'mask', '--quiet', ...NOISE]);
  writeFileSync(join(root, 'etc/hostname'), 'machine\n');
  writeFileSync(join(root, 'etc/fstab'), '/dev/vda / ext4 defaults 0 1\n');
  mkdirSync(join(root, 'var/log/journal'), { recursive: true });
  const disk = join(work, 'disk.ext4');
  execFileSync('mke2fs', ['-q', '-t', 'ext4', '-d', root, disk, '3G']);
  rmSync(root, { recursive: true });
  return { linux: join(work, 'vmlinuz'), initrd: join(work, 'initrd.img'), disk };
}
