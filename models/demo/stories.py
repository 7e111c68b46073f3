# SPDX-License-Identifier: Apache-2.0
"""Short children's stories from a grammar.

A story is a world (hero, friend, place, treasured thing, weather, ...) drawn once, and a plot: a list of
beats, each with several ways to tell it. All sentences speak of the same world, so names, pronouns and
things stay the same, and the last beats refer back to the first.
"""
import re

from grammar import expand

GIRLS = "Mia Anna Lily Rosa Emma Nora Ella Zoe Ida Clara".split()
BOYS = "Tom Ben Leo Max Sam Finn Noah Paul Oscar Hugo".split()
SHE = "Daisy Poppy Luna Ruby Hazel Bella Tilly Pearl Willow Nell".split()
HE = "Pip Rusty Bruno Toby Milo Barney Felix Otto Jasper Rufus".split()
ROBOTS = "Bolt Beep Dot Gizmo Spark Cog".split()
ANIMALS = ["fox", "rabbit", "bear", "mouse", "owl", "hedgehog", "duck", "squirrel", "cat", "dog", "frog",
           "turtle", "badger", "lamb", "goat", "dragon", "pony", "penguin", "elephant", "lion", "monkey", "wolf"]
PLACES = [("in", "the forest"), ("in", "the meadow"), ("on", "the hill"), ("by", "the river"), ("by", "the lake"),
          ("by", "the sea"), ("in", "the village"), ("on", "the farm"), ("near", "the old mill"), ("in", "the valley"),
          ("by", "the pond"), ("near", "the harbour"), ("in", "the garden"), ("near", "the mountains")]
THINGS = ["kite", "ball", "scarf", "drum", "lantern", "boat", "book", "key", "hat", "bell", "blanket", "flute",
          "wagon", "basket", "umbrella", "button", "whistle", "teddy bear"]
COLORS = ["red", "blue", "green", "yellow", "golden", "silver", "orange", "purple", "white"]
WOODEN = ["drum", "boat", "flute", "wagon", "button", "whistle"]
LIGHT = ["kite", "ball", "hat", "umbrella", "scarf"]     # what the wind or a throw can carry
FOODS = ["apple cake", "honey cake", "berry pie", "warm bread", "carrot soup", "plum jam", "nut cookies", "pancakes"]
TRAITS = ["curious", "brave", "kind", "clever", "quiet", "cheerful", "gentle", "shy", "busy", "happy"]

OPEN = [
    "(Once upon a time there (was|lived) a {t} (little |young |){k} named {H}.|Once upon a time, {inp}, there lived a {t} {k} named {H}."
    "|There once was a {t} (little |){k} called {H}.|{H} was a {t} (little |young |){k} who lived {inp}."
    "|In a (small|cosy|little) house {inp} lived a {t} {k} named {H}.|Long ago, a {t} {k} named {H} lived {inp}."
    "|{inp} lived a (little|young|small) {k} named {H}. {H} was very {t}.|This is the story of {H}, a {t} {k} who lived {inp}."
    "|There was once a (little|small|young) {k} whose name was {H}. Everybody {inp} knew how {t} {he} was.|A {t} (little |young |){k} named {H} lived {inp}.)"]
LOVE = [
    "(More than anything,|Most of all,|Every day) {H} (loved|liked) {his} {o}. (It was a present from {his} grandmother.|{he} took it everywhere.|{he} played with it from morning until night.|{he} had made it all by {himself}.)"
    "|{H} had a {o} that {he} loved very much. (It was a gift from {his} (father|mother|grandfather).|Nobody else had one like it.|{he} never went anywhere without it.)"
    "|{his} favourite thing in the whole world was a {o}. (It had been {his} grandfather's.|{he} had found it on {his} birthday.|{he} kept it next to {his} bed.)"]
DAY = ["One (sunny|bright|warm|windy|cold|grey|fine) (morning|day|afternoon)|On a (sunny|bright|warm|windy|cold|grey|fine) (morning|day|afternoon)|One day|One (spring|summer|autumn|winter) (morning|day|afternoon)|On (Monday|Sunday|Saturday) morning"]
MEET = ["(Just then|Soon|After a while) {Fi} came (along|by|down the path).|{Fi} heard {him} and came (to see|over|running).|{he} went to {Fi} and told {fhim} everything."]
THANK = ["\"Thank you, {F}!\" said {H}. \"(You are a true friend|I could not have done it without you|You are the best friend in the world|What would I do without you).\"|{H} (hugged|thanked) {F}( again and again| with all {his} heart|). \"(You are a true friend|I will never forget this),\" {he} said."]

# name: (how one asks for it, needs the treasured thing, beats); a beat that starts with "?" may be left out
PLOTS = {
 "lost": ("a lost {ob}", True, [
    "{D}, {H} (looked|reached) for the {o}, but it was (gone|not there).|{D}, {H} came home from a walk and saw that the {o} was (missing|gone).|{D}, {H} woke up and could not find the {o} anywhere.",
    "\"Oh no! Where is my {ob}?\" {he} cried.|\"Where can my {ob} be?\" {H} (asked|said|wondered).|{he} felt very sad. \"I must find my {ob},\" {he} said.",
    "?{he} looked under the bed, behind the door and (in|inside) the cupboard, but the {ob} was not there.|{he} searched the whole house, but there was no {ob}.|{he} asked (the birds|the neighbours|everyone {he} met), but nobody had seen the {ob}.",
    "{MEET}", "?\"(Do not worry|Do not cry|Do not be sad),\" said {F}. \"(Where did you have it last?|Let us look together.|Two can look better than one.)\"",
    "Together they (walked|went) back {along}, step by step, and {F} looked {spot}.|They followed {his} footprints {along}. Then {F} stopped {spot}.",
    "There was the {o}, (a bit wet but not broken|safe and sound|covered with leaves)! {H} had left it there the day before.|And there it was! The {o} had (fallen down|been lying there) all the time.|There, in a small nest, lay the {o}. A (magpie|cheeky crow) had taken it.",
    "{THANK}", "From then on {H} (took good care of|always looked after) the {ob}, and {he} often let {F} (hold|use|play with) it too.|That night {H} fell asleep with the {ob} (beside {him}|in {his} arms), and {he} was happy.|{he} carried the {o} home, and it was never lost again."]),
 "stuck": ("a {ob} stuck in a tree", True, [
    "{D}, the wind (was very strong|blew hard). It pulled the {o} out of {his} hands and carried it up into a tall tree.|{D}, {H} threw the {o} high into the air, and it got stuck in a tall tree.",
    "{he} jumped, but {he} could not reach it.|{he} shook the tree, but the {ob} did not come down.|{he} tried to climb up, but the branches were too (thin|high).", "?(\"Come down, {ob}!\" {he} called, but it stayed where it was.|{he} sat down under the tree and wanted to cry.|\"What shall I do now?\" {he} said.)",
    "{MEET}", "\"I have an idea,\" said {F}. \"(Let us use a long stick.|Let us get a ladder.|Stand on my shoulders.|Let us throw a rope over the branch.)\"",
    "It did not work the first time. (But they did not give up.|\"Try again!\" said {F}.) At last the {o} fell down, right into {his} (hands|lap).|They tried once, and they tried twice. The third time the {o} (came down|slid off the branch).",
    "{THANK}", "They played with the {ob} together until the sun went down.|Then they went to an open field, far away from the tree, and played until (evening|it was dark).|After that {H} never played with the {ob} near the tall tree again."]),
 "dark": ("being afraid of the dark", False, [
    "{H} had one secret: {he} was afraid of the dark.|During the day {H} was never afraid. But when night came, {he} did not like it at all.", "{D}, {he} stayed out too long {inp2}, and the sun went down. Soon it was so dark that {he} could not see the path.|One evening, {he} was on the way home when the sun went down. Soon everything was black.",
    "{his} heart beat fast. \"(Is somebody there|Who is there)?\" {he} whispered.|Something rustled in the dark, and {H} (shivered|began to cry).",
    "\"It is only me,\" said a (soft|friendly) voice. It was {Fi}.|Then a small light came closer. It was {Fi} with a lantern.", "\"I am afraid of the dark,\" said {H}. {F} (smiled|nodded). \"(The dark is only the day with its eyes closed|Look up, and you will see that the night is full of lights|When it is dark, we can see the stars).\"",
    "{H} looked up. There were hundreds of stars in the sky, (and the moon was shining|and one of them was falling). It was beautiful.|They sat down (side by side|together) and counted the stars, and {H} forgot to be afraid.",
    "Then {F} took {him} home. {THANK}|Hand in hand they walked home. {THANK}", "From that night on, {H} was not afraid of the dark any more. {he} looked for the stars instead.|Now, when it gets dark, {H} opens the window and says good night to the stars."]),
 "baby": ("a lost {baby}", False, [
    "{D}, {H} heard a soft cry {spot2}. {he} (looked|bent down) and found a tiny {baby}.|{D}, on the way home, {H} found a tiny {baby} that was all alone.", "\"(Where is your mother|Are you lost), little one?\" asked {H}. The {baby} was (cold|hungry|frightened) and (did not answer|only cried).",
    "?{H} wrapped it in {his} (coat|scarf|blanket) and gave it some (milk|warm bread|water).|{he} warmed the little {baby} and sang a song for it.", "But {he} did not know where it belonged. So {he} asked {Fi}.|\"We must find its mother,\" {he} said, and {he} went to {Fi} for help.",
    "\"I have seen a mother looking for her little one,\" said {F}. \"{she_was} {inp2}.\"|{F} thought for a while. \"I heard somebody calling {inp2},\" {fhe} said. \"Let us go there.\"", "They walked (and walked|a long way), and {H} carried the {baby} all the way. (At last|Then) they heard somebody calling.|So they set out at once. {H} carried the {baby}, and {F} showed the way.",
    "It was the mother! The {baby} ran to her, and she was so happy that she cried.|When the mother saw the {baby}, she ran to meet them. \"My little one!\" she said. \"Thank you for bringing my baby back.\"", "Since that day the {baby} comes to visit {H} (every week|every spring|now and then), and they are good friends.|{H} was a little sad to say goodbye, but {he} knew that the {baby} was home again, and that made {him} glad."]),
 "share": ("sharing", False, [
    "{D}, {H} (made|baked|got) some {food}. It smelled wonderful, and {he} wanted to eat it all by {himself}.|{D}, {his} grandmother gave {him} some {food}. \"This is all mine!\" said {H}.", "{he} sat down (under a tree|on a stone|in the grass) to eat. {MEET3}",
    "?\"I am so hungry,\" said {F}. \"I have not eaten (anything|) all day.\"|{F} looked at the {food}, but {fhe} did not ask for any.", "{H} looked at the {food}, and then {he} looked at {F}. There was (not much|only a little), but {he} divided it in two. \"(Here, half of it is for you|Let us share it),\" {he} said.",
    "They ate together, and it tasted much better than eating alone.|{F} was so happy that {fhe} (danced|sang a song). Together they ate up everything.", "A few days later {H} was (caught in the rain|tired and hungry far from home). (Who should come by but {F}|Then {F} came by)! \"(Come with me|Now it is my turn),\" {fhe} said, and {fhe} shared {fhis} (umbrella|supper|blanket) with {him}.|The next day {F} came back with a (big basket of berries|bag full of apples). \"This is for you,\" {fhe} said, \"because you shared your {food} with me.\"",
    "So {H} learned that (a thing you share is never really gone|sharing makes everything better).|And {H} knew that sharing the {food} had been the best idea of all."]),
 "learn": ("learning to {skill}", False, [
    "{H} wanted to learn to {skill}, but it was hard.|There was one thing that {H} could not do: {he} could not {skill}.", "{D}, {he} tried and tried, but (it went wrong every time|nothing worked). (Some crows laughed at {him}.|{he} fell into the mud.) \"I will never learn to {skill},\" {he} (said|sighed).|{D}, all the others went out to {skill}, and {H} had to stay behind. {he} felt very small.",
    "{MEET}", "\"I could not {skill} at first either,\" said {F}. \"(You only need to practise|Nobody can do it on the first day|Try a little every day).\"", "So every (morning|evening) they practised together. On the first day it went (badly|all wrong). On the second day it went a little better.|{F} showed {him} how to do it, slowly, one step at a time. {H} watched (closely|well) and tried again.",
    "And then, one day, {he} could do it! \"Look, {F}, look!\" {he} (shouted|called). \"I can {skill}!\"|On the (seventh|fifth|tenth) day it worked. \"I can {skill}! I can really {skill}!\" {H} shouted.", "?{F} (clapped and cheered|was very proud of {him}). \"I knew that you could do it,\" {fhe} said.", "Now {H} teaches the (little ones|others) to {skill}, and when it goes wrong {he} says, \"(Try a little every day|Nobody can do it on the first day).\"|After that, {H} never again said that something was too hard. {he} just tried once more."]),
 "robot": ("a robot", False, [
    "{D}, {H} found a small robot {spot2}. Its lights were (dark|off), and it did not move.|{D}, a small robot came rolling {along}. Suddenly its wheels got stuck in the mud, and its lights went out.", "\"Hello? Are you all right?\" asked {H}. \"My name is {R},\" said the robot (quietly|in a thin voice). \"My battery is almost empty.\"",
    "{H} ran to {Fi}, who knew a lot about machines.|\"I will help you, {R},\" said {H}, and {he} went to get {Fi}.", "Together they cleaned the robot and carried it into the (sun|sunshine). \"(Now we must wait|The sun will fill its battery),\" said {F}.|{F} looked at the robot and (tightened a screw|fixed a loose wire). Then they put it in the (warm sun|sunshine).",
    "After an hour the robot's eyes began to shine. \"Thank you, {H}! Thank you, {F}!\" said {R}, and it turned around (three times|in a circle).|Slowly, the lights came back. {R} beeped (happily|with joy) and rolled in a circle around {H} and {F}.", "In the evening {a_fog} came up, and {H} could not see the way home. But {R} switched on its bright lamp. \"Follow me,\" said the robot, and it (led|brought) {him} safely home.|The next morning {H} heard a knock at the door. It was {R}, with (a basket of berries|a bunch of flowers). \"One good turn deserves another,\" said the robot.",
    "Since then {H} and {R} (have been best friends|do everything together), and the robot's battery is never empty again.|And so the robot stayed with {H}, and every morning they sit in the sun together until the battery is full."]),
 "home": ("finding the way home", False, [
    "{D}, {H} went out to (pick berries|look for mushrooms|gather wood). {he} walked far, much too far.|{D}, {H} followed a (blue butterfly|little bird) deeper and deeper along a strange path.", "Then {a_fog} came up, and {he} could not find the way back.|When {he} turned around, {he} did not know where {he} was. It began to (snow|rain|get dark).",
    "?\"(Which way is home|How will I get home)?\" {he} asked, but only the wind answered.|{he} called as loud as {he} could, but nobody heard {him}.", "At home {his} friend {Fn} was waiting. \"{H} is late,\" {fhe} said. \"Something is wrong.\" {fhe} took {fhis} (lantern|bell) and went out to look for {him}.", "{H} sat under a tree and tried to be {t2}. Then, far away, {he} (saw a light|heard a sound). {he} followed it, (step by step|over stones and roots).|{H} was cold and tired. All at once {he} (saw something shining|heard somebody calling {his} name). {he} ran as fast as {he} could.",
    "It was {F}! \"I knew that you would find me,\" said {H}, and {he} (hugged|held) {fhim} tight.|\"There you are!\" cried {F}. \"I was so worried.\" {H} was so glad to see {fhim} that {he} could not speak.", "?Together they went back to the house {inp}, and they (drank hot milk|ate {food}) by the fire.|Soon they were home again, and {F} made some {food} for both of them.", "After that day {H} never went so far alone. {he} always took {F} along.|And from then on, {F} put a light in the window whenever {H} went out."]),
 "seed": ("a seed", False, [
    "{D}, {Fi} gave {H} a (tiny|small) seed. \"Plant it and wait,\" {fhe} said.|{D}, {H} found a tiny seed {spot2} and showed it to {Fi}. \"Plant it and wait,\" {fhe} said.", "{H} dug a hole, put the seed in, and gave it some water.|{H} planted the seed in front of the house and watered it well.", "{he} waited one day, and {he} waited two days, but nothing happened. \"It does not grow!\" {he} (complained|said).|The next morning {he} ran out to look, but there was only brown earth. \"Where is my flower?\" {he} asked.",
    "\"Be patient,\" said {F}. \"(Good things take time|A seed works under the ground, where you cannot see it).\"", "So {H} watered it every (morning|day) and (sang to it|told it stories|kept the snails away).|Rain came, and then the sun came, and {H} never forgot to look after it.", "Then, one morning, a small green leaf came out of the earth. It grew and grew, and (soon|at last) it was a tall {fc} flower.|After three weeks there was something green. It grew taller every day until a big {fc} flower opened.", "?\"Look, {F}!\" called {H}. \"My seed has become a flower!\" {F} (smiled|laughed). \"You were patient,\" {fhe} said.", "In the autumn the flower gave {him} ten new seeds, and {H} gave one of them to every friend. \"Plant it and wait,\" {he} said.|{H} gave the first {fc} flower to {F}, because {fhe} had taught {him} to wait."]),
 "noise": ("a strange noise", False, [
    "{D2}, {H} was lying in bed when {he} heard a strange noise. {n}! {n}!|{D2}, a strange noise woke {H} up. {n}, it went. {n}!", "\"(It must be a monster|Is it a ghost)!\" thought {H}, and {he} pulled the blanket over {his} head.|{H} held {his} breath. (Was it a monster|What could it be)?", "?There it was again: {n}! It came from (the roof|the cellar|behind the door|outside the window).", "{H} was afraid, but {he} wanted to know what it was. So {he} took a candle and (tiptoed|went) (closer|to look).|\"I must be brave,\" {he} said. {he} took {his} lamp and slowly opened the door.",
    "And what did {he} see? It was only {Fi}, who had (got stuck in the dark|lost the key to {fhis} own house|come to bring some {food})!|There stood {Fi}, wet from the rain. \"I knocked and knocked,\" said {F}, \"but nobody opened.\"", "{H} laughed and laughed. \"I thought that you were a monster!\" {he} said. {F} had to laugh too.|\"It was you!\" said {H}. \"And I was so afraid!\" Then they both laughed.", "?They sat down in the kitchen and ate {food} (together|until midnight).|{H} made some {food}, and they told each other funny stories.", "And whenever {H} heard a strange noise after that, {he} thought of {F} and smiled.|After that night, {H} was not afraid of noises any more. First {he} goes to look, and then {he} laughs."]),
 "broken": ("telling the truth", True, [
    "{D}, {Fi} came to visit and brought {fhis} new (cup|toy ship|clay pot|music box) along.|{D}, {H} went to visit {Fi}, who was building a (tall tower|little ship|bird house).", "They played with the {o} inside the house. {H} threw it too far, and crash! {fhis} work of many days was broken.|While {F} was outside, {H} swung the {o} around and around. Crash! Something fell down and broke.",
    "?{H} was frightened. \"(Shall I say that it was the wind|Shall I run away)?\" {he} thought.|Nobody had seen it. {H} could have said that it was the cat.", "But {he} did not want to lie to {his} friend. \"{F}, it was me,\" {he} said quietly. \"I broke it, and I am very sorry.\"", "{F} was sad at first. Then {fhe} said, \"Thank you for telling me the truth. (Let us mend it|We can repair it together).\"", "They got glue and paint and worked all afternoon. When they were done, it was (even more beautiful than before|almost as good as new).|It took them until evening to put all the pieces together, but in the end it looked (as good as new|wonderful).",
    "\"Next time we will play with the {ob} outside,\" said {H}, and they both laughed.|To say sorry, {H} let {F} have the {o} for a whole week.", "And {H} knew now that telling the truth is hard, but it makes the heart light.|After that they were better friends than ever, because they could trust each other."]),
 "gift": ("a birthday present", True, [
    "{D}, it was the birthday of {Fi}, and {H} had no present.|{F_kind}, {his} best friend, had {fhis} birthday the next day. But {H} had no money for a present.", "?\"What can I give to {F}?\" {he} (asked {himself}|thought). {he} looked around the house, but {he} found nothing that was good enough.|{he} went to the market, but everything cost too much.", "Then {he} saw the {o}. {he} loved it, but {F} would love it too.|On the shelf stood the {o}. {F} had always liked it so much.",
    "{H} thought about it for a long time. Then {he} wrapped the {ob} in (green leaves|blue paper|a clean cloth) and tied a ribbon around it.", "At the party {F} opened the present. {fhis} eyes grew big. \"Your {ob}!\" {fhe} said. \"But you love it more than anything!\"|When {F} saw the {o}, {fhe} could not believe it. \"Is it really for me?\" {fhe} asked.", "\"I love my friends more,\" said {H}.|\"Yes,\" said {H}. \"It makes me happy when you are happy.\"", "{F} hugged {him}. \"Then it will belong to both of us,\" {fhe} said. And that is what they did: one day the {ob} was with {H}, and the next day it was with {F}.|From then on they (used|played with) the {ob} together every day, and it was twice as much fun as before."]),
 "storm": ("a storm", False, [
    "{D}, {H} and {Fi} wanted to have a picnic {inp2}. They packed some {food} and set out.|{D}, {H} had a plan. {he} wanted to have a picnic with {Fi}, with {food} and lemonade.", "But as soon as they sat down, dark clouds came. It thundered, and then it began to rain (very hard|as if it would never stop).|They had just found a good place when a storm came up. The wind blew, and big drops fell from the sky.", "?\"Our picnic is spoiled!\" cried {H}.|{H} was close to tears. \"And I was looking forward to it so much,\" {he} said.",
    "\"Come quickly!\" called {F}. \"I know a place where it is dry.\" They ran (through the rain|as fast as they could) to (an old barn|a small cave|a hollow tree).|\"Do not be sad,\" said {F}. \"Follow me!\" {fhe} led {him} to (an old barn|a small cave|a hollow tree), and there it was dry.", "They spread out their blanket, ate the {food} and listened to the rain.|Inside they shared the {food}, and {F} told funny stories while the thunder rolled.", "When the storm was over, there was a (big|bright) rainbow in the sky. \"We would have missed it at home,\" said {F}.|At last the rain stopped, and a rainbow stood over the land. They had never seen such a beautiful one.", "\"That was the best picnic of all,\" said {H}, and {F} thought so too.|{H} smiled. The storm had not spoiled the picnic after all. It had made it better."]),
 "new": ("a new friend", False, [
    "{H} was new there and did not know anybody. Every day {he} sat alone {spot2}.|{H} had no friends yet, because {he} had only just moved there.", "{D}, {he} saw {Fa} who was also alone. {H} wanted to say hello, but {he} did not dare.|{D}, {Fa} came past the house. {H} hid behind the curtain and watched.", "?\"What if {fhe} does not like me?\" {he} thought. {he} took three steps forward and two steps back.|{he} opened {his} mouth, but not a word came out. {his} ears got hot.", "Then {his} {o} fell down and rolled along the path, right to the feet of the stranger.|Just then the wind took {his} {o} and blew it away. The stranger ran after it and caught it.",
    "\"Is this yours?\" {fhe} asked. \"It is beautiful. My name is {F}.\" \"I am {H},\" said {H}, \"and yes, it is mine. Would you like to play?\"|\"Here you are,\" said the stranger with a smile. \"I am {F}. I am new here, too.\" \"And I am {H},\" said {H}.", "They played with the {ob} all afternoon, and they laughed so much that their bellies hurt.|They (walked around together|sat down together), and {H} showed {F} how to play with the {ob}.", "When it was time to go home, {F} asked, \"Shall we meet tomorrow?\" \"Yes!\" said {H}, and {he} was not shy at all any more.|\"See you tomorrow!\" called {F}. It was the nicest thing that {H} had heard for a long time.", "That evening {H} put the {o} on the shelf and smiled. (Now {he} had a friend|It had found {him} a friend)."]),
 "bridge": ("a broken bridge", False, [
    "{D}, {H} wanted to visit {his} grandmother and bring her some {food}. But when {he} came to the stream, the bridge was broken.|{D}, {H} was taking some {food} to {his} grandmother. At the stream {he} had to stop: the water had carried the bridge away.", "?The water was (deep and cold|wild and fast). {H} could not swim across.|{he} tried to jump over the stream, but it was too wide.", "On the other side stood {Fi}. \"I cannot get across either!\" called {F}.|{Fi} was standing on the other side. \"The bridge is gone!\" {fhe} called. \"What shall we do?\"", "\"Let us build a new one,\" said {H}. \"You bring stones from your side, and I will bring wood from mine.\"|\"We can make a new bridge,\" called {H}. \"You start on your side, and I will start on my side.\"", "They worked (hard|all morning). {H} (rolled|dragged) a long log to the water, and {F} put big stones under it.|{H} brought branches, and {F} brought stones, and bit by bit the bridge grew.", "At noon they met in the middle and shook hands. The new bridge was strong and good.|At last the log lay across the water. {H} walked over it, one careful step after the other, and {F} cheered.", "{F} came along to {his} grandmother, and all three of them ate the {food}.|\"Where have you been?\" asked the grandmother. {H} and {F} told her about the bridge, and then they all ate the {food}.", "The bridge is still there today, and everybody calls it the Bridge of {H} and {F}.|Since then everyone can cross the stream again, and nobody has to do it alone."]),
}


def world(r, plot):
    """Draw everything a story speaks of."""
    def being():
        female = r.random() < 0.5
        if r.random() < 0.4:
            return r.choice(GIRLS if female else BOYS), "girl" if female else "boy", female
        return r.choice(SHE if female else HE), r.choice(ANIMALS), female
    H, k, female = being()
    F, fk, ffemale = being()
    while fk == k or (ffemale == female and r.random() < 0.7):
        F, fk, ffemale = being()
    noun = r.choice(LIGHT if plot in ("stuck", "new", "broken") else THINGS)
    (prep, p), (prep2, p2) = r.sample(PLACES, 2)
    child = fk in ("girl", "boy")
    w = dict(H=H, k=k, F=F, R=r.choice(ROBOTS), ob=noun, t=r.choice(TRAITS), food=r.choice(FOODS),
             o=noun if noun == "teddy bear" else r.choice(COLORS + ["little wooden"] * 3 * (noun in WOODEN)) + " " + noun,
             inp=prep + " " + p, inp2=prep2 + " " + p2, along=r.choice(["along the path", "along the road", "down the lane"]),
             spot=r.choice(["under a bush", "behind a big stone", "between the roots of a tree", "in the tall grass", "next to the well", "under the bench"]),
             spot2=r.choice(["under a bush", "behind a big stone", "under an old tree", "in the tall grass", "next to the well", "by the gate"]),
             baby=r.choice([b for b in ["duckling", "kitten", "puppy", "fawn", "piglet"] if b[:3] != k[:3]]),
             skill=r.choice(["swim", "whistle", "dance", "skate", "climb trees", "juggle", "ski", "fish"]),
             fc=r.choice(["red", "yellow", "blue", "white", "purple", "orange"]), n=r.choice(["Knock", "Tap, tap", "Bump", "Scratch, scratch", "Creak"]),
             a_fog=r.choice(["thick fog", "a thick fog", "a storm"]), t2="brave", she_was="She was")
    w["D"] = expand(r, "(" + DAY[0] + ")")
    w["D2"] = expand(r, "One (dark|cold|windy|stormy) night")
    for pre, f in (("", female), ("f", ffemale)):
        w.update({pre + "he": "she" if f else "he", pre + "him": "her" if f else "him", pre + "his": "her" if f else "his",
                  pre + "himself": "herself" if f else "himself"})
    w["Fn"] = F if child else F + " the " + fk
    w["Fi"] = r.choice([w["his"] + " friend " + F, w["his"] + " best friend " + F]) if child else \
        r.choice([F + " the " + fk, w["his"] + " friend " + F + " the " + fk, "a friendly " + fk + " named " + F])
    w["Fa"] = "a " + fk
    w["F_kind"] = w["Fn"]
    w["MEET3"] = expand(r, "(Just then|Soon|Then) ") + w["Fi"] + expand(r, " came (along|by|down the path).")
    return w


def tidy(text):
    """Capital letters at the start of sentences and of speech; a/an."""
    text = re.sub(r"  +", " ", text).strip()
    text = re.sub(r'(^|[.!?] "?|[.!?]" (?=(?:he|she|his|her|it|they|a) (?!said|asked|cried|called|thought|whispered|shouted|wondered|sighed|complained))|: ")([a-z])',
                  lambda m: m[1] + m[2].upper(), text)
    return re.sub(r"\b([Aa]) (?=[aeio])", r"\1n ", text)


def story(r):
    """A story, and the words one would ask for it with."""
    plot = r.choice(sorted(PLOTS))
    ask, needs_thing, beats = PLOTS[plot]
    w = world(r, plot)
    text = [OPEN[0]]
    if needs_thing or "{o}" in "".join(beats):
        text.append("(" + LOVE[0] + ")")
    text += ["(" + b.lstrip("?") + ")" for b in beats if b[0] != "?" or r.random() < 0.5]
    text = expand(r, " ".join(text).replace("{MEET}", "(" + MEET[0] + ")").replace("{THANK}", "(" + THANK[0] + ")"))
    hero, theme = w["k"] + r.choice(["", " named " + w["H"]]), ask.format_map(w)
    about = r.choice(["", "a " + hero, "a " + hero, "a " + hero + " and " + theme, theme, w["H"] + " and " + w["F"]])
    return tidy(text.format_map(w)), re.sub(r"\b(a) (?=[aeio])", "an ", about)


def request(r, about):
    """How a user asks for the story in a chat."""
    text = expand(r, "(tell me|tell|can you tell me|please tell me|write|write me|i want to hear|i would like|make up|give me) a (short |little |nice |)story").replace("tell a", "tell me a")
    text += " about " + about if about else r.choice(["", ", please", " please", " for my (son|daughter)", " for the night"])
    text = expand(r, text) + r.choice(["", "", ".", "!", "?" if text.startswith("can") else "."])
    return text[0].upper() + re.sub(r"\bi\b", "I", text[1:]) if r.random() < 0.6 or text[0] == "i" else text
