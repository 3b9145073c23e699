if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers stagegate.conf
    chgrp stagegate /etc/stagegate/stagegate.yaml
    chmod 0640 /etc/stagegate/stagegate.yaml
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
