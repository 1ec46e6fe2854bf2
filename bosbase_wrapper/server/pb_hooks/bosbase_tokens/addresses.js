// IP addresses and subnets, read as PocketBase reads the addresses that its rate limits exclude: an IPv4 address is
// never in an IPv6 subnet, nor the other way round, and an IPv4-mapped IPv6 address is an IPv6 address.

/** The four bytes of an IPv4 address, or null. */
function ipv4(text) {
  const parts = text.split(".");
  const isValid = parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
  return isValid ? parts.map(Number) : null;
}

/** The bytes of groups that are separated by colons, the last of which may be an IPv4 address; null if not valid. */
function groups(text) {
  const bytes = [];
  const parts = text === "" ? [] : text.split(":");
  for (const [index, part] of parts.entries()) {
    const tail = part.includes(".") && index === parts.length - 1 ? ipv4(part) : null;
    if (!tail && !/^[0-9a-f]{1,4}$/i.test(part)) {
      return null;
    }
    bytes.push(...(tail || [parseInt(part, 16) >> 8, parseInt(part, 16) & 255]));
  }
  return bytes;
}

/** The sixteen bytes of an IPv6 address, or null. */
function ipv6(text) {
  const halves = text.split("::");
  const [head, tail] = [groups(halves[0]), groups(halves.length > 1 ? halves[1] : "")];
  if (!head || !tail || halves.length > 2) {
    return null;
  }
  const missing = 16 - head.length - tail.length;
  const isValid = halves.length === 1 ? missing === 0 : missing > 0;
  return isValid ? [...head, ...Array(missing).fill(0), ...tail] : null;
}

/** An address as bytes and the zone that an IPv6 address may have, or null. */
function parsed(text) {
  const [address, zone = ""] = text.split("%");
  const bytes = ipv4(address) || ipv6(address);
  return bytes && { bytes, zone };
}

/** Whether the first bits of two lists of bytes agree. */
function agree(some, others, bits) {
  return some.every((byte, index) => {
    const mask = 0xff00 >> Math.min(8, Math.max(0, bits - index * 8)) & 0xff;
    return ((byte ^ others[index]) & mask) === 0;
  });
}

/**
 * Whether an address is an item, or lies in the subnet that the item names.
 *
 * @param {string} item an address, or a subnet such as 10.0.0.0/8
 * @param {string} address
 * @returns {boolean}
 */
function matches(item, address) {
  const [base, bits] = item.split("/");
  const [network, client] = [parsed(base), parsed(address)];
  if (!network || !client || network.bytes.length !== client.bytes.length) {
    return false;
  }
  if (bits === undefined) {
    return network.zone === client.zone && agree(network.bytes, client.bytes, 128);
  }
  return network.zone === client.zone && client.zone === "" && agree(network.bytes, client.bytes, Number(bits));
}

module.exports = { matches };
