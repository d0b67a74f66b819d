-- 0007: what a stanza is, decided once.
--
-- Records of outbound stanzas and of deliveries have a head: name, type, and whether an archive keeps the stanza or it has no meaning
-- later. It stands inside the seal, since it shows what the user does. Records of before end without it. They cannot be changed
-- here, where no key is known: they are opened, and written again with their heads, in the transaction of this step.
--
-- A delivery that is a carbon (XEP-0280) is the copied message now, without its wrapper, and says so. Wrapped ones are unwrapped in
-- the same step; a forged one is removed, as it would not have been stored.
SELECT 1;
