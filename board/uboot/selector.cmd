# Chooses the slot to boot. Runs in U-Boot: as boot.scr where the board's U-Boot is Debian's, else built in as its boot command, for
# which comments go and lines are joined: so every line ends in a semicolon or inside of a construct, and no value has a blank in it.
#
# State (firmware/bootstate): two copies of a sector in the form of `env import -c`, at octets 0 and 4096 of partition state. Numbers are
# hexadecimal without 0x, no slot is "-". The copy with the higher seq holds, and the other is written: a torn write leaves a good copy.
# tries are counted down before the try, so a slot that hangs is tried no more than tries times. Nothing is written at a normal boot.
setenv devtype @DEVTYPE@;
setenv devnum ${@DEVNUM@};
setenv fit @FIT@;
setenv buf @BUF@;
${devtype} dev ${devnum};

setenv best; setenv other 0; setenv active; setenv try; setenv tries; setenv failed; setenv st;
if part start ${devtype} ${devnum} state st; then
  for copy in 0 8; do
    setexpr at ${st} + ${copy};
    setenv seq;
    if ${devtype} read ${buf} ${at} 1; then
      if env import -c ${buf} 200 seq; then
        if test -z "${best}" || itest ${seq} -gt ${best}; then
          env import -c ${buf} 200 active try tries failed;
          setenv best ${seq};
          if test ${copy} = 0; then setenv other 8; else setenv other 0; fi;
        fi;
      fi;
    fi;
  done;
fi;
if test "${active}" != b; then setenv active a; fi;
if test -z "${tries}"; then setenv tries 0; fi;
if test "${try}" != a && test "${try}" != b; then setenv try -; fi;
if test "${failed}" != a && test "${failed}" != b; then setenv failed -; fi;

setenv save 'setexpr seq ${best} + 1; mw.b ${buf} 0 200; env export -c -s 200 ${buf} seq active try tries failed && setexpr at ${st} + ${other} && ${devtype} write ${buf} ${at} 1';

setenv slot ${active};
setenv trial 0;
if test ${try} != -; then
  if itest ${tries} -gt 0; then
    setexpr tries ${tries} - 1;
    if run save; then
      setenv slot ${try};
      setenv trial 1;
    fi;
  else
    setenv failed ${try};
    setenv try -;
    setenv tries 0;
    run save;
  fi;
fi;

# Reads the length from the image's head, then all of it. bootm returns when a hash is wrong, before anything was started.
setenv go 'part start ${devtype} ${devnum} slot_${slot} at && ${devtype} read ${fit} ${at} 1 && fdt addr ${fit} && fdt header get size totalsize && itest ${size} -le @SLOT@ && setexpr size ${size} + 1ff && setexpr size ${size} / 200 && ${devtype} read ${fit} ${at} ${size} && setenv bootargs "@CMDLINE@ cafeprobe.slot=${slot} cafeprobe.try=${trial}" && @TREE@bootm ${fit}#@BOARD@ @BOOTM@';

echo cafeprobe: slot ${slot}, trial ${trial};
run go;
if test ${slot} = a; then setenv slot b; else setenv slot a; fi;
if test ${trial} = 1; then
  setenv failed ${try};
  setenv try -;
  setenv tries 0;
  setexpr best ${best} + 1;
  if test ${other} = 0; then setenv other 8; else setenv other 0; fi;
  setenv slot ${active};
  run save;
fi;
setenv trial 0;
echo cafeprobe: not bootable, slot ${slot};
run go;
reset;
