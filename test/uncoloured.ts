/** Whoever runs the tests may have asked for colour or for none, as Node's own runner does: the commands that tests start are asked for nothing. */
for (const name of ['FORCE_COLOR', 'NO_COLOR', 'NODE_DISABLE_COLORS', 'CI']) Reflect.deleteProperty(process.env, name)
