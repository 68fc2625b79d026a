"""Runs a command on a terminal of its own: terminal.py ROWS COLUMNS COMMAND...

What it draws comes out at standard output. Lines of standard input say what happens to the terminal:
"type HEX" (somebody types these bytes), "size ROWS COLUMNS". At the command's end, one line at standard error:
its exit code (negative: the signal), and whether the terminal's settings are what they were.
"""
import fcntl, json, os, pty, select, struct, subprocess, sys, termios

# The command has the slave; ours is held open, so that what was drawn and the settings outlive the command.
master, slave = pty.openpty()


def resize(rows, columns):
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))


def obey(line):
    word, *values = line.decode().split()
    if word == "type":
        os.write(master, bytes.fromhex(values[0]))
    else:
        resize(*values)


def drawn(seconds):
    ready, _, _ = select.select([master], [], [], seconds)
    return os.read(master, 65536) if ready else b""


rows, columns, *command = sys.argv[1:]
resize(rows, columns)
before = termios.tcgetattr(slave)
child = subprocess.Popen(
    command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
)
asked = b""
while child.poll() is None:
    if select.select([master, 0], [], [], 0.02)[0] == [0]:
        more = os.read(0, 65536)
        if not more:
            child.kill()
            break
        *lines, asked = (asked + more).split(b"\n")
        for line in lines:
            obey(line)
    os.write(1, drawn(0))
child.wait()
while more := drawn(0):
    os.write(1, more)
print(json.dumps({"code": child.returncode, "restored": termios.tcgetattr(slave) == before}), file=sys.stderr)
