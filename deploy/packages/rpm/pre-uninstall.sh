# 0: the last package goes; 1: an upgrade.
if [ "$1" = 0 ] && [ -d /run/systemd/system ]; then
    systemctl disable --now stagegate.service || true
fi
